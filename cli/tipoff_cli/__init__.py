"""The `tipoff` command line."""
