-- What is published, as plain tables of the database `target`: no texts, no units, no generations.
CREATE TABLE target.schema_migrations AS FROM schema_migrations;
CREATE TABLE target.studies AS FROM studies;
CREATE TABLE target.data_versions AS SELECT study, data_version, units, labelled, stored_at FROM data_versions;
CREATE TABLE target.recipes AS FROM recipes;
CREATE TABLE target.plans AS SELECT p.* FROM plans p SEMI JOIN runs r USING (run_id) ORDER BY p.rowid;
CREATE TABLE target.runs AS SELECT * FROM runs ORDER BY study, rowid;
CREATE TABLE target.estimates AS FROM estimates ORDER BY run_id, position;
CREATE TABLE target.fits AS FROM fits ORDER BY run_id;
CREATE TABLE target.checks AS FROM checks ORDER BY run_id;
CREATE TABLE target.moves AS FROM moves ORDER BY seq;
CREATE TABLE target.latest_runs AS FROM latest_runs;
CREATE TABLE target.latest AS FROM latest;
CREATE TABLE target.snapshot AS
SELECT now() AS written_at, (SELECT count(*) FROM runs) AS runs, (SELECT count(*) FROM moves) AS moves;
