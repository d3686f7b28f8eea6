"""`tipoff deploy`."""
