"""The pages of alerts, files and dead letters, of the live configuration and of the simulation."""

import difflib
from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import Field

from tipoff_common.clock import Instant
from tipoff_common.execution_row import ExecutionRow
from tipoff_monitor.console.facts import DeadLetterRow, LiveConfiguration, MissingFileRow
from tipoff_monitor.console.pages.page import Page
from tipoff_monitor.simulation import StoredSimulation
from tipoff_planning.alerts import Incident, RouteView, Silence
from tipoff_planning.frozen import Frozen


class AlertsPage(Page):
    """Open and recently resolved incidents, silences, and the recipients of each rule."""

    blind_since: Instant | None = Field(
        description="since when the warehouse does not answer; null while it does"
    )
    silent_since: Instant | None = Field(description="newest watch when the next is overdue, else null")
    watched_at: Instant | None = Field(description="newest watch; null before the first")
    open: tuple[Incident, ...] = Field(description="worst first")
    others: tuple[Incident, ...] = Field(description="pending, or resolved lately")
    silences: tuple[Silence, ...]
    routes: tuple[RouteView, ...]


class DeadLettersPage(Page):
    """Dead letters of a week: messages that no service could handle."""

    letters: tuple[DeadLetterRow, ...] = Field(description="the newest first")


class FileFacts(Frozen):
    """Facts about a file that a visitor looked for."""

    gcs_path: str
    state: str
    why: str
    next: str = Field(description="the next automatic step, or the remedy")
    scraper_name: str | None
    execution_id: str | None
    landed_at: Instant | None
    game_date: date | None
    record_count: int | None
    receipts: tuple[str, ...]


class FilesPage(Page):
    """Landed files: those without a receipt, the newest, and the result of a search."""

    asked: str
    missing: tuple[MissingFileRow, ...] = Field(
        description="landed within cleanup's lookback and not processed, the oldest first"
    )
    stuck: tuple[str, ...] = Field(description="open alerts about files that cleanup cannot heal, of any age")
    landed: tuple[ExecutionRow, ...] = Field(description="the newest executions that wrote a file")
    found: tuple[FileFacts, ...] = Field(description="the files that match the search")
    not_found: str | None = Field(description="why the search found nothing, null otherwise")


class ConfigurationPage(Page):
    """The live configuration, its start, and its difference from the previous one."""

    config_hash: str = Field(description="hash of the monitor's workflows file")
    version: str
    commit: str | None
    alerts_hash: str
    rules: int
    workflows: Mapping[str, str] = Field(description="description by name")
    in_force: tuple[LiveConfiguration, ...] = Field(
        description="configurations of the controller's decisions, the newest first"
    )
    agrees: bool | None = Field(description="whether the controller decides by this file; null when unknown")
    previous: str | None = Field(description="hash of the previous configuration, null when none is known")
    difference: tuple[str, ...] = Field(
        description="lines of the difference to the previous configuration, as from diff -u"
    )
    without_difference: str | None = Field(description="why there is no difference to show")


class SimulationPage(Page):
    """The simulated season that was sent last."""

    simulation: StoredSimulation | None = Field(description="null when none was sent")
    live: str = Field(description="hash of the monitor's workflows file")


def difference(previous: str, current: str) -> tuple[str, ...]:
    """Return the lines of a unified diff of two files, with three lines of context."""
    # A comparison of the texts, since a comparison of the parsed configurations would hide a changed comment.
    lines = difflib.unified_diff(
        previous.splitlines(), current.splitlines(), "previous", "live", lineterm="", n=3
    )
    return tuple(lines)


def previous_hash(in_force: Sequence[LiveConfiguration], live: str) -> str | None:
    """Return the hash of the newest configuration in force other than the live one; None when there is none."""
    # Rows from before hashes were written have none and cannot be compared.
    others = [item for item in in_force if item.config_hash not in (live, None)]
    newest = max(others, key=lambda item: item.last_seen, default=None)
    return newest.config_hash if newest else None
