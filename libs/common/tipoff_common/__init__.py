"""Shared code of all Tipoff services: events, statuses, clock, settings, ports and their adapters."""

import os

__version__ = "0.1.0"
"""The version of every package of this repository; their pyproject.toml files read it here."""

COMMIT = os.environ.get("TIPOFF_COMMIT", "")
"""The git commit that an image was built from, which the image sets; empty elsewhere."""

RELEASE = f"{__version__}+{COMMIT[:12]}" if COMMIT else __version__
"""The running version, for rows and logs."""
