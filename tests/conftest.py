"""Settings that every test shares."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A property that fails must fail again when it is run again, and a slow machine is no fault.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("dev", parent=settings.get_profile("ci"), max_examples=25)
settings.register_profile("quick", parent=settings.get_profile("ci"), max_examples=5)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # matrices here are small; threads would only wait for each other
os.environ["COLUMNS"] = "200"  # what commands print is read here, whatever the terminal's width

TOGETHER = ("integration/embedded", "integration", "conformance", "e2e", "browser")
"""Folders whose tests share servers, or a browser, that are started once, hence run in one worker."""
ALONE = {f"integration/test_{name}.py" for name in ("logger_faults", "pubsub_server", "supervision")}
"""Files there that start what they need themselves."""


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Says which tests stay together when the suite runs in several workers: folders with shared servers whole,
    all others file by file."""
    root = Path(__file__).parent
    for item in items:
        file = item.path.relative_to(root)
        together = () if file.as_posix() in ALONE else TOGETHER
        group = next((name for name in together if file.is_relative_to(name)), str(file))
        parametrized = getattr(item, "callspec", None)
        if parametrized is not None and "google" in parametrized.params.values():
            group += " on Google's"
        item.add_marker(pytest.mark.xdist_group(group))
