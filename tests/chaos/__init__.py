"""Real processes under fire, judged by the simulation's checker."""
