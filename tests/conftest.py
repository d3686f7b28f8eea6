"""Settings that every test shares."""

import gc
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings

# Importing and collecting the suite creates little cyclic garbage, and the collector would search all its objects
# repeatedly: a fifth of a worker's time. See pytest_collection_finish.
gc.disable()

# A failing property must fail again when it is rerun, and a slow machine is no fault.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", parent=settings.get_profile("ci"), max_examples=20)
settings.register_profile("quick", parent=settings.get_profile("ci"), max_examples=5)
# A mutant is caught by any failing example of a property, so do not shrink it.
settings.register_profile(
    "mutation", parent=settings.get_profile("quick"), phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # matrices here are small; more threads would only wait for each other
os.environ["COLUMNS"] = "200"  # tests read the commands' output, so fix the terminal's width

TOGETHER = ("integration/embedded", "integration", "conformance")
"""Folders whose tests share servers that are started once, hence run in one worker."""
ALONE = {
    f"integration/test_{name}.py"
    for name in (
        "escalation",
        "learned_search",
        "logger_faults",
        "many_files",
        "many_instances",
        "packages_alone",
        "pubsub_server",
        "supervision",
        "tour",
        "tracing",
    )
}
"""Files there that start their own servers: grouped with the others they would be the last to end."""
WITH = {
    "integration/test_console_on_a_stack.py": "integration/test_tour.py",
    "integration/test_installed_cli.py": "integration/test_packages_alone.py",
    "integration/test_own_fleet.py": "integration/test_packages_alone.py",
    "integration/test_services_alone.py": "integration/test_packages_alone.py",
}
"""Files that use servers or packages of another file's tests, by that file."""
APART = {"simulation/test_seeds.py"}
"""Files whose tests share nothing and take long: each test may run in any worker, after all others."""
LONGEST = (
    "integration",
    "chaos/test_under_fire.py",
    "integration/test_tour.py",
    "conformance on Google's",
    "integration/embedded",
    "integration/test_packages_alone.py",
    "integration on Google's",
    "integration/test_supervision.py",
    "e2e/test_tutorials.py",
    "browser/test_console.py",
    "integration/test_escalation.py",
    "integration/test_logger_faults.py",
    "e2e/test_add_a_scraper.py",
    "integration/test_learned_search.py",
    "integration/test_pubsub_server.py",
    "integration/test_tracing.py",
    "e2e/test_demo.py",
    "conformance",
)
"""The groups that take longest, which begin first: begun last, one of them would occupy a single worker at the end.
Groups that mostly wait (the chaos run, Google's emulator) begin beside those that compute, so that processors stay
busy."""
THOROUGH = (
    "contract/test_api_fuzz.py",
    "contract/test_fleet.py",
    "contract/test_hostile_inputs.py",
    "contract/test_input_fuzz.py",
    "contract/test_partitions.py",
    "contract/test_push_fuzz.py",
    "contract/test_saved_documents.py",
    "contract/test_sources.py",
    "unit/cli/test_discovery_commands.py",
    "unit/cli/test_start.py",
    "unit/controller/test_bucket_faults.py",
    "unit/controller/test_crashes.py",
    "unit/devtools/test_check_sql.py",
    "unit/devtools/test_fleet_repository.py",
    "unit/devtools/test_fork_server.py",
    "unit/devtools/test_generate.py",
    "unit/devtools/test_grafana.py",
    "unit/emulators/test_emulators_for_others.py",
    "unit/emulators/test_pubsub_push_window.py",
    "unit/monitor/test_console_access.py",
    "unit/monitor/test_console_pages.py",
    "unit/planning/discovery/test_advice.py",
    "unit/planning/discovery/test_model.py",
    "unit/planning/test_laws.py",
    "unit/runner/test_parser.py",
    "unit/scrapers/test_hostile_documents.py",
    "unit/scrapers/test_odd_items.py",
    "unit/simulator",
    "unit/test_cost.py",
    "unit/test_mutation.py",
)
"""Files and folders that take two CPU seconds and more, which `make test-quick` leaves to `make test`: laws over whole
days and seasons, drawn documents, all pages, all sources, processes, and tests that repeat `make check`."""


class Kind(NamedTuple):
    """Properties of all tests of a file: their group, None for a group of its own for each."""

    group: str | None
    is_thorough: bool


@cache
def _kind(path: Path) -> Kind:
    own = path.relative_to(Path(__file__).parent)
    file = Path(WITH.get(own.as_posix(), own))
    together = () if file.as_posix() in ALONE else TOGETHER
    group = next((name for name in together if file.is_relative_to(name)), str(file))
    return Kind(
        None if file.as_posix() in APART else group, any(own.is_relative_to(name) for name in THOROUGH)
    )


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark which tests stay together when the suite runs in several workers.

    Folders with shared servers stay whole, others file by file. Groups begin in the order of their first tests (with
    --no-loadscope-reorder): long groups first and short groups last, which keeps all workers busy.
    """
    ranks = {group: place for place, group in enumerate(LONGEST)}
    place = dict[pytest.Item, int]()
    for item in items:
        kind = _kind(item.path)
        parametrized = getattr(item, "callspec", None)
        on_google = parametrized is not None and "google" in parametrized.params.values()
        group = (kind.group or item.nodeid) + (" on Google's" if on_google else "")
        item.add_marker(pytest.mark.xdist_group(group))
        if kind.is_thorough:
            item.add_marker(pytest.mark.thorough)
        ranks.setdefault(group, len(LONGEST) + (kind.group is None))
        place[item] = ranks[group]
    if hasattr(config, "workerinput"):  # without workers a run keeps the order of its files
        items.sort(key=place.__getitem__)


def pytest_collection_finish() -> None:
    """Exclude all current objects from later garbage collections, and make these rarer than usual.

    Garbage among the objects stays too: some megabytes, not worth the third of a second to find them.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()
