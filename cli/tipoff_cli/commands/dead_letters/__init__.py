"""`tipoff dead-letters`."""
