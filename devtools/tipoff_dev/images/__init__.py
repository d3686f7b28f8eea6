"""A build and smoke test of each service's image without Docker."""
