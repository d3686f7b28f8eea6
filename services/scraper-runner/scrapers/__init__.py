"""The fleet that ships with Tipoff: a folder a source, a package a scraper."""
