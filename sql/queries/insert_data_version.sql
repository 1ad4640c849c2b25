INSERT INTO data_versions (study, data_version, units, labelled, probability, position)
VALUES ($study, $data_version, $units, $labelled, $probability,
        (SELECT coalesce(max(position), 0) + 1 FROM data_versions WHERE study = $study))
RETURNING position;
