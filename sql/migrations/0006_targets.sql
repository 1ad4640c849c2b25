-- What an interval is for, and the covariance of the estimates: for joint tests and contrasts of a stored version.
ALTER TABLE fits ADD COLUMN target VARCHAR DEFAULT 'population';
ALTER TABLE fits ADD COLUMN covariance DOUBLE[][];
