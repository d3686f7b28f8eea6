"""`tipoff smoke`."""
