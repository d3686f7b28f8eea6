"""Tools to extend a fleet of scrapers and to try it."""
