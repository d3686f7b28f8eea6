"""A simulation of a season in seconds: the controller's pure core against simulated sources.

world.py      the model of the sources and of faults, read from a small YAML file
sources.py    the sources' answers at an instant
timeline.py   the times of ticks
memory.py     the state of the simulated controller
engine.py     the loop
outcomes.py   the result of each expectation
report.py     the numbers of a season
observer.py   receivers of every event that the services would have published
"""
