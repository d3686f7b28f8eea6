"""Fakes of the world outside: the sources and Phase 2."""
