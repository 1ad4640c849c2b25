INSERT INTO batches (batch, study, source, endpoint, status, created, calls)
VALUES (:batch, :study, :source, :endpoint, 'open', :created, :calls);
