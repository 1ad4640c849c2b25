ATTACH $path AS target;
