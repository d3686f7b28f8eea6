"""Decides what to fetch when."""
