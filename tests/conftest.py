"""Settings that every test shares."""

from hypothesis import settings

settings.register_profile("tipoff", derandomize=True, deadline=None)
settings.load_profile("tipoff")
