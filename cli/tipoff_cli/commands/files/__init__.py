"""`tipoff files`."""
