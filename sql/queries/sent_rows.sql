-- How many rows of a study were asked of a model, not taken from the journal.
SELECT count(*) AS rows FROM generations WHERE study = $study AND NOT cached;
