"""Chaos tests: real processes under injected faults, checked by the simulation's checker."""
