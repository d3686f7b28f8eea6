"""Heals: compares what landed with what was processed."""
