"""The faked hosts: those of the fleet that ships with Tipoff, and those of a fleet's own fakes.

A fleet's own fake is a file `fake.py` in a source's or a scraper's folder:

    HOSTS = ("api.example.org",)

    def answer(path, query, now):   # "/items.json", {"date": "2025-01-15"}, an aware instant
        return 200, "application/json", b"[]"   # or None for a document that the fake does not have

Requests to all other hosts go to the real source.
"""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType

from tipoff_cli.checkout import REPOSITORY
from tipoff_cli.errors import CommandFailed
from tipoff_scraper_runner.fleet_package import line_of_failure

LEAGUE_REFERERS = {
    "ak-static.cms.nba.com": "https://official.nba.com/",
    "cdn.nba.com": "https://www.nba.com/",
    "official.nba.com": "https://official.nba.com/",
    "stats.nba.com": "https://www.nba.com/",
    "statsdmz.nba.com": "https://www.nba.com/",
}
"""The league's hosts with the Referer that each requires; a host answers 403 to every request without it."""

ODDS, ESPN, BALLDONTLIE = "api.the-odds-api.com", "site.api.espn.com", "api.balldontlie.io"
HOSTS = (*LEAGUE_REFERERS, ODDS, ESPN, BALLDONTLIE)
FILE = "fake.py"
SHIPPED_FLEET = REPOSITORY / "services/scraper-runner/scrapers"

Answer = Callable[[str, Mapping[str, str], datetime], tuple[int, str, bytes] | None]


class UnusableFake(CommandFailed):
    """An unusable `fake.py`; the message names the file and what to change."""


@dataclass(frozen=True)
class FleetFake:
    """One loaded `fake.py`."""

    file: Path
    hosts: tuple[str, ...]
    answer: Answer


def fleet_fakes(scrapers: Path) -> dict[str, FleetFake]:
    """Load every fake below a fleet's folder; return them by host.

    Raises:
        UnusableFake: the folder cannot be read, or a file fails, lacks HOSTS or answer, or claims a host that another
            fake has.
    """
    found: dict[str, FleetFake] = {}
    try:
        files = sorted([*scrapers.glob(f"*/{FILE}"), *scrapers.glob(f"*/*/{FILE}")])
    except OSError as error:
        raise UnusableFake(f"{scrapers}: cannot be read: {error.strerror}; name a fleet's folder") from error
    for file in files:
        fake = _load(file)
        for host in fake.hosts:
            owner = found[host].file if host in found else None
            if owner or host in HOSTS:
                raise UnusableFake(
                    f"{file}: {host} has a fake already, {owner or 'in Tipoff'}; a host may have one fake"
                )
            found[host] = fake
    return found


def fake_faults(scrapers: Path) -> list[str]:
    """List the faults of the fakes below a fleet's folder that would stop a stack from starting."""
    try:
        fleet_fakes(scrapers)
    except UnusableFake as error:
        return [str(error)]
    return []


def fake_hosts(scrapers: Path) -> tuple[str, ...]:
    """Return every host that has a fake for this fleet. Raises UnusableFake.

    The shipped fakes serve the shipped fleet only: another fleet that requests one of their hosts needs real data.
    """
    shipped = HOSTS if scrapers.resolve() == SHIPPED_FLEET else ()
    return (*shipped, *fleet_fakes(scrapers))


def _load(file: Path) -> FleetFake:
    spec = importlib.util.spec_from_file_location(f"fake_of_{file.parent.name}", file)
    if spec is None or spec.loader is None:
        raise UnusableFake(f"{file} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's file may raise anything; the message names the file
        where = line_of_failure(error, file.parent) or file
        raise UnusableFake(f"{where}: cannot be loaded: {type(error).__name__}: {error}") from error
    return FleetFake(file, _hosts(file, module), _answer(file, module))


def _hosts(file: Path, module: ModuleType) -> tuple[str, ...]:
    hosts = getattr(module, "HOSTS", None)
    good = isinstance(hosts, tuple | list) and hosts and all(isinstance(host, str) for host in hosts)
    if not good:
        raise UnusableFake(f'{file}: HOSTS is missing; write HOSTS = ("api.example.org",)')
    return tuple(str(host) for host in hosts or ())


def _answer(file: Path, module: ModuleType) -> Answer:
    answer = getattr(module, "answer", None)
    if not callable(answer):
        raise UnusableFake(f"{file}: the function answer(path, query, now) is missing")
    return answer  # type: ignore[no-any-return]  # the user's file has no type annotations
