DELETE FROM abilities WHERE endpoint = :endpoint;
