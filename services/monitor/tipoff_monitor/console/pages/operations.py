"""The pages of what goes wrong beside the day: alerts, files, dead letters; and what is live."""

import difflib
from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import Field

from tipoff_common.clock import Instant
from tipoff_common.execution_row import ExecutionRow
from tipoff_monitor.console.facts import DeadLetterRow, LiveConfiguration, MissingFileRow
from tipoff_monitor.console.pages.page import Page
from tipoff_monitor.simulation import KeptSimulation
from tipoff_planning.alerts import Incident, RouteView, Silence
from tipoff_planning.frozen import Frozen


class AlertsPage(Page):
    """Open incidents, those resolved lately, silences, and the recipients of each rule."""

    blind_since: Instant | None = Field(description="since when nothing can be judged, null while it can")
    silent_since: Instant | None = Field(description="newest watch when the next is overdue, else null")
    watched_at: Instant | None = Field(description="newest watch, null when none has been")
    open: tuple[Incident, ...] = Field(description="worst first")
    others: tuple[Incident, ...] = Field(description="pending, or resolved lately")
    silences: tuple[Silence, ...]
    routes: tuple[RouteView, ...]


class DeadLettersPage(Page):
    """Messages of a week that nobody could handle."""

    letters: tuple[DeadLetterRow, ...] = Field(description="the newest first")


class FileFacts(Frozen):
    """Facts about a file that a visitor looked for."""

    gcs_path: str
    state: str
    why: str
    next: str = Field(description="what happens by itself, or what somebody has to do")
    scraper_name: str | None
    execution_id: str | None
    landed_at: Instant | None
    game_date: date | None
    record_count: int | None
    receipts: tuple[str, ...]


class FilesPage(Page):
    """Files that landed: those without a receipt, the newest, and those looked for."""

    asked: str
    missing: tuple[MissingFileRow, ...] = Field(
        description="landed within cleanup's lookback and not processed, the oldest first"
    )
    stuck: tuple[str, ...] = Field(description="open alerts about files that cleanup cannot heal, of any age")
    landed: tuple[ExecutionRow, ...] = Field(description="the newest executions that wrote a file")
    found: tuple[FileFacts, ...] = Field(description="what was looked for")
    not_found: str | None = Field(description="why nothing was found of it, null otherwise")


class ConfigurationPage(Page):
    """The live configuration, its start, and its difference from the one before."""

    config_hash: str = Field(description="of the workflows that this monitor has")
    version: str
    commit: str | None
    alerts_hash: str
    rules: int
    workflows: Mapping[str, str] = Field(description="description by name")
    in_force: tuple[LiveConfiguration, ...] = Field(
        description="what the controller decided by, the newest first"
    )
    agrees: bool | None = Field(description="whether the controller decides by this file; null when unknown")
    previous: str | None = Field(description="hash of the configuration before, null when none is known")
    difference: tuple[str, ...] = Field(
        description="lines of the difference to the previous, as diff -u has them"
    )
    without_difference: str | None = Field(description="why there is none")


class SimulationPage(Page):
    """The simulated season that was sent last."""

    simulation: KeptSimulation | None = Field(description="null when none was sent")
    live: str = Field(description="hash of the workflows that this monitor has")


def difference(previous: str, current: str) -> tuple[str, ...]:
    """Return what changed between two files, three lines around each change."""
    # Plain text, for files that people write: a comparison of the parsed configuration would hide a changed comment.
    lines = difflib.unified_diff(
        previous.splitlines(), current.splitlines(), "previous", "live", lineterm="", n=3
    )
    return tuple(lines)


def previous_hash(in_force: Sequence[LiveConfiguration], live: str) -> str | None:
    """Return the newest configuration that was in force and is another than the live one."""
    # A row of before hashes were written has none, and nothing can be compared with it.
    others = [item for item in in_force if item.config_hash not in (live, None)]
    newest = max(others, key=lambda item: item.last_seen, default=None)
    return newest.config_hash if newest else None
