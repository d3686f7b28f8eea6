"""Manual runs for past dates: their plan, and their submission at a limited rate."""
