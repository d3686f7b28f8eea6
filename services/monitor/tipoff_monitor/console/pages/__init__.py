"""What each page shows, as values: pure functions of what was read, and the schemas of the JSON twins."""
