"""Fetches: runs one scraper for one request and says what came of it."""
