INSERT INTO estimates BY NAME SELECT * FROM incoming;
