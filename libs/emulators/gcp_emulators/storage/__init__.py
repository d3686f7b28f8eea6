"""A Cloud Storage emulator that enforces preconditions."""
