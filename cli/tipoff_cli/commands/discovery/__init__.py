"""`tipoff discovery`."""
