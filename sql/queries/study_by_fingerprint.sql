SELECT spec, folder FROM studies WHERE fingerprint = $fingerprint;
