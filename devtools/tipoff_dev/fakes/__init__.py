"""Fakes of the systems around Tipoff: the sources and Phase 2."""
