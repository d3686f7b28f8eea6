"""Known past executions: the union, by request id, of the dataset and the controller's own ledger."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from tipoff_common.clock import Instant
from tipoff_common.events import ScrapeExecuted, Source
from tipoff_common.executions import OFF
from tipoff_common.outcomes import FailureKind, Status
from tipoff_planning.frozen import Frozen

NO_SUBJECT = "-"
# Bounds for log entries and rows: a document may list hundreds of missing items.
MAX_MISSING_LISTED, MISSING_CHARACTERS = 8, 40
SLATE_GAMES, MATCHUP_CHARACTERS = 30, 20
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


@dataclass(frozen=True, slots=True)
class ExecutionFact:
    """The result of one request."""

    request_id: str
    scraper: str
    game_date: date
    subject: str
    """The game, team, key or market, which distinguishes the requests of one scraper about one date."""
    status: Status
    kind: FailureKind | None
    source: Source
    triggered_at: datetime
    completeness: "ReportedCompleteness | None" = None
    not_before: datetime | None = None
    """The instant before which the source must not be requested again, if it named one."""
    paused_host: str | None = None
    """The host that named the instant."""
    message: str = ""
    """For a failure, the error for an operator; for no_data, the source's reason; cut to its beginning."""
    presumed: bool = False
    """Whether the controller recorded the failure itself, after the lease or the last delivery of the request ended. An
    actual result is preferred."""
    slate: "Slate | None" = field(default=None, hash=False)
    """For a scoreboard: its list of the games of `game_date`."""

    @property
    def counts(self) -> bool:
        """Whether it ends the search for its data."""
        # A local run on a laptop must not end production's search.
        return self.status is Status.SUCCESS and self.source is not Source.LOCAL


Slate = Mapping[str, datetime | None]
"""The tip-off of each listed game by "AWAY@HOME", None for a game that is called off."""


@dataclass(frozen=True)
class ReportedCompleteness:
    """Completeness of a document as its own execution reports it."""

    expected: int | None = None
    """The number of games or teams that the document should list."""
    missing: tuple[str, ...] = ()
    """Names of the missing items. A long list becomes the first few and the number of the others, as it is part of an
    object's name."""

    def lacks(self, games: int) -> tuple[str, ...]:
        """Return the missing items for a day with so many games, including games that the document does not expect."""
        unlisted = games - self.expected if self.expected is not None else 0
        if unlisted <= 0:
            return self.missing
        return (*self.missing, f"{unlisted} of {games} games, which it does not list")


class HostPause(Frozen):
    """A source's demand for no further requests before an instant."""

    scraper: str = Field(description="the scraper that received the demand")
    host: str | None = Field(
        default=None, description="the demanding host; null if unknown, and then only the scraper waits"
    )
    until: Instant


def pause_of(fact: ExecutionFact) -> HostPause | None:
    """Return the pause that a source demanded in an execution; None without one."""
    if fact.not_before is None:
        return None
    return HostPause(scraper=fact.scraper, host=fact.paused_host, until=fact.not_before)


class History:
    """Past executions at the time of a decision. `pauses`: those of executions that are no longer in `executions`."""

    def __init__(
        self,
        executions: Mapping[str, ExecutionFact] | None = None,
        requested: Mapping[str, datetime] | None = None,
        stale: bool = False,
        pauses: Iterable[HostPause] = (),
    ) -> None:
        self.executions: Mapping[str, ExecutionFact] = executions or {}
        """Results by request id."""
        self.requested: Mapping[str, datetime] = requested or {}
        """The wall clock at the first publication of each request, by request id."""
        self.stale = stale
        """Whether the dataset was unavailable, so that only the ledger's executions are included."""
        self._pauses: dict[tuple[str, str | None], datetime] = {}
        """The longest pause by scraper and host."""
        self.slates: list[ExecutionFact] = []
        """Executions of scoreboards that list the games of a day."""
        # Indexes: decisions look up every subject of every workflow, and a scan of all facts each time is quadratic.
        self._found: dict[tuple[str, date, str], list[ExecutionFact]] = {}
        self._newest: dict[tuple[str, date, str], ExecutionFact] = {}
        for fact in self.executions.values():
            self._index(fact)
        for pause in pauses:
            self._note_pause(pause)

    def found(
        self, scraper: str, game_date: date, subject: str, *, complete_for: int | None = None
    ) -> tuple[datetime, datetime] | None:
        """Return the first and the last success about the game date, by any requester; None without one.

        complete_for: count only successes that lack none of so many games."""
        facts = self._found.get((scraper, game_date, subject), ())
        instants = [
            fact.triggered_at for fact in facts if complete_for is None or not _lacks(fact, complete_for)
        ]
        return (min(instants), max(instants)) if instants else None

    def newest(self, scraper: str, game_date: date, subject: str) -> ExecutionFact | None:
        """Return the newest execution about the game date, by any requester; None without one."""
        return self._newest.get((scraper, game_date, subject))

    def lacking(self, scraper: str, game_date: date, subject: str, games: int) -> tuple[str, ...]:
        """Return the items missing from the newest success, for a day with so many games."""
        facts = self._found.get((scraper, game_date, subject), ())
        # The request id breaks a tie, so that the answer does not depend on the order of the rows.
        newest = max(facts, key=lambda fact: (fact.triggered_at, fact.request_id), default=None)
        return _lacks(newest, games) if newest else ()

    def paused_until(self, scraper: str, hosts: Iterable[str] = ()) -> datetime | None:
        """Return the instant before which a scraper must not be requested, if its source named one.

        hosts: the hosts that the scraper needs. A pause demanded by one of them counts, whichever scraper received it.
        """
        needed = frozenset(hosts)
        named = (
            until
            for (paused_scraper, host), until in self._pauses.items()
            # For a scraper without declared hosts, only the pauses that it received itself count.
            if host in needed or (paused_scraper == scraper and (host is None or not needed))
        )
        return max(named, default=None)

    def _index(self, fact: ExecutionFact) -> None:
        if (pause := pause_of(fact)) is not None:
            self._note_pause(pause)
        # A local run on a laptop does not reflect the state of production.
        if fact.source is Source.LOCAL:
            return
        if fact.slate is not None:
            self.slates.append(fact)
        key = (fact.scraper, fact.game_date, fact.subject)
        before = self._newest.get(key)
        # The request id breaks a tie, so that the answer does not depend on the order of the rows.
        if before is None or (before.triggered_at, before.request_id) < (fact.triggered_at, fact.request_id):
            self._newest[key] = fact
        if fact.counts:
            self._found.setdefault(key, []).append(fact)

    def _note_pause(self, pause: HostPause) -> None:
        key = (pause.scraper, pause.host)
        self._pauses[key] = max(pause.until, self._pauses.get(key, pause.until))


def _lacks(fact: ExecutionFact, games: int) -> tuple[str, ...]:
    return fact.completeness.lacks(games) if fact.completeness else ()


def completeness_in(stated: object) -> ReportedCompleteness | None:
    """Parse `completeness` of a data_summary; None without one."""
    if not isinstance(stated, Mapping):
        return None
    expected, missing = stated.get("expected"), stated.get("missing")
    # The source's own content, so the values may be of any type.
    names = [str(name)[:MISSING_CHARACTERS] for name in missing] if isinstance(missing, list) else []
    if len(names) > MAX_MISSING_LISTED:
        names = [*names[:MAX_MISSING_LISTED], f"{len(names) - MAX_MISSING_LISTED} more"]
    return ReportedCompleteness(expected if isinstance(expected, int) else None, tuple(names))


def completeness_of(event: ScrapeExecuted) -> ReportedCompleteness | None:
    """Parse the completeness that the execution reports."""
    return completeness_in(event.data_summary.get("completeness"))


def slate_of(event: ScrapeExecuted) -> dict[str, datetime | None] | None:
    """Return a scoreboard's list of the day's games; None when the execution reports none or in an unknown format."""
    stated = event.data_summary.get("slate")
    if not isinstance(stated, dict):
        return None
    slate: dict[str, datetime | None] = {}
    # Bounded, as the slate becomes part of a log entry: no day has more games than the league has teams.
    for matchup, tipoff in list(stated.items())[:SLATE_GAMES]:
        instant = _instant(tipoff)
        # All or nothing: games missing from a partial slate would look cancelled.
        if len(matchup) > MATCHUP_CHARACTERS or (instant is None and tipoff != OFF):
            return None
        slate[matchup] = instant
    return slate


def _instant(value: JsonValue) -> datetime | None:
    try:
        return _INSTANT.validate_python(value) if isinstance(value, str) else None
    except ValidationError:
        return None


def preferred(current: ExecutionFact | None, new: ExecutionFact) -> ExecutionFact:
    """Choose between two results of one request, in either order of arrival.

    A request presumed lost may still be executed, and a success settles a request that another result leaves open.
    """
    return new if current is None or _rank(new) > _rank(current) else current


def _rank(fact: ExecutionFact) -> tuple[bool, int, bool, datetime]:
    status = (Status.FAILED, Status.NO_DATA, Status.SUCCESS).index(fact.status)
    # In this order: a result that counts for production, then success over no_data over failure, then an actual result
    # over a presumed one, then the newest. The choice is commutative, so the order of arrival does not matter.
    return fact.counts, status, not fact.presumed, fact.triggered_at


def merge(*sources: Iterable[ExecutionFact]) -> dict[str, ExecutionFact]:
    """Combine facts by request; if sources differ, keep the preferred fact."""
    facts: dict[str, ExecutionFact] = {}
    for source in sources:
        for fact in source:
            facts[fact.request_id] = preferred(facts.get(fact.request_id), fact)
    return facts


Outputs = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Fan-out values in the outputs of executions: by request id, then by key."""


@dataclass(frozen=True)
class RequestRecords:
    """Known executions, request times and outputs, by request id."""

    executions: Mapping[str, ExecutionFact] = field(default_factory=dict)
    requested: Mapping[str, datetime] = field(default_factory=dict)
    outputs: Outputs = field(default_factory=dict)


def subject_of(parameters: Mapping[str, str], names: Iterable[str]) -> str:
    """Return the values of `names` among the parameters; "-" without any."""
    return "&".join(parameters[name] for name in names if name in parameters) or NO_SUBJECT
