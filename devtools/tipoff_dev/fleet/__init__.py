"""Adding to a fleet of scrapers, and trying it."""
