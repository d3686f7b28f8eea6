"""What the scrapers of harbour have in common."""
