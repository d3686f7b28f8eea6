"""Deterministic simulation: the services' real handlers on a cloud whose every fault comes from a seed."""
