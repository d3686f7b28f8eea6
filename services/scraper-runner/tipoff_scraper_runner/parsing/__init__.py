"""Readers for documents of sources, for the scrapers of every fleet: JSON, HTML tables, odd items, drift of fields."""
