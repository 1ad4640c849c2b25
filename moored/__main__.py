"""`python -m moored`."""

from moored.cli import main

if __name__ == "__main__":
    main()
