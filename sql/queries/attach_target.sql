ATTACH $path AS target (READ_WRITE);
