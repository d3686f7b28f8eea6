"""Tools for developers of Tipoff: the local stack, fakes, generators, checks."""
