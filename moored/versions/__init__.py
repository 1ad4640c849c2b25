"""Published versions: what differs between two, whether one computes again, one as files."""
