"""What developers of Tipoff use: the local stack, fakes, generators, checks."""
