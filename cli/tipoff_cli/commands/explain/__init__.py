"""`tipoff explain`."""
