"""The scenario of the fake sources, read once: it is frozen, and reading it takes longer than most tests."""

from tipoff_dev.fakes.sources.scenario import load_scenario

SCENARIO = load_scenario()
