"""`python -m tipoff_local`: the `tipoff` command line."""

from tipoff_local.cli import main

if __name__ == "__main__":
    main()
