INSERT INTO units BY NAME
SELECT study, data_version, unit_id, content_hash, labelled, probability, cluster, held_back FROM incoming;
