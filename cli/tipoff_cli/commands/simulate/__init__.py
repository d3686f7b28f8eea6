"""`tipoff simulate`."""
