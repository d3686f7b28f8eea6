"""Proves each service's image without Docker."""
