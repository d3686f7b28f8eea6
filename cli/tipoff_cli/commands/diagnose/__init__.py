"""`tipoff diagnose`."""
