"""Watches: tells people what is wrong, once."""
