"""The scrapers of tides."""
