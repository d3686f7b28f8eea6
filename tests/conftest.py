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

TOGETHER = ("integration/embedded", "integration", "conformance")
"""Folders whose tests share servers that are started once, hence run in one worker."""
ALONE = {
    f"integration/test_{name}.py"
    for name in (
        "escalation",
        "logger_faults",
        "many_files",
        "many_instances",
        "own_fleet",
        "packages_alone",
        "pubsub_server",
        "supervision",
        "tour",
        "tracing",
    )
}
"""Files there that start what they need themselves: in one group with the others they would be the last to end."""
APART = {"simulation/test_seeds.py"}
"""Files whose tests share nothing and take long: each test may run in any worker."""


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark which tests stay together when the suite runs in several workers.

    Folders with shared servers stay whole, others file by file. xdist begins with the groups of most tests, so the
    many small ones of APART come last and keep all workers busy to the end.
    """
    root = Path(__file__).parent
    for item in items:
        file = item.path.relative_to(root)
        together = () if file.as_posix() in ALONE else TOGETHER
        alone = item.nodeid if file.as_posix() in APART else str(file)
        group = next((name for name in together if file.is_relative_to(name)), alone)
        parametrized = getattr(item, "callspec", None)
        if parametrized is not None and "google" in parametrized.params.values():
            group += " on Google's"
        item.add_marker(pytest.mark.xdist_group(group))
