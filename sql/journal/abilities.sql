SELECT abilities FROM abilities WHERE endpoint = :endpoint;
