"""Measurements, each a program: `python -m bench.NAME`, from the root of the repository."""
