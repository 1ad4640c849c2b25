SELECT spec FROM studies WHERE fingerprint = $fingerprint;
