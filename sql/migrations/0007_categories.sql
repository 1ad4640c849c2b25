-- Covariates that are categories: what the table says, word by word. Numbers stay in unit_values.
CREATE TABLE unit_words (
    study        VARCHAR NOT NULL,
    data_version VARCHAR NOT NULL,
    unit_id      VARCHAR NOT NULL,
    variable     VARCHAR NOT NULL,
    word         VARCHAR NOT NULL,
    PRIMARY KEY (study, data_version, unit_id, variable)
);
