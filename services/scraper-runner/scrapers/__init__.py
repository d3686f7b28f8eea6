"""The fleet that ships with Tipoff: a folder for each source, a package for each scraper."""
