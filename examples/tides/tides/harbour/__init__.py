"""Common parts of the scrapers of harbour."""
