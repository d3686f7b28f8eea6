"""A season in seconds: the controller's own pure core against a simulated upstream.

world.py      what the sources are like and what goes wrong, as a small YAML file
sources.py    what a source answers at an instant
timeline.py   when ticks come
memory.py     what the simulated controller remembers
engine.py     the loop
outcomes.py   what became of each expectation
report.py     the numbers of a run
observer.py   gets every event as the services would have published it
"""
