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
# Bounds of what becomes part of log entries and rows: a document may call hundreds of things missing.
MISSING_TOLD, MISSING_CHARACTERS = 8, 40
SLATE_GAMES, MATCHUP_CHARACTERS = 30, 20
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


@dataclass(frozen=True, slots=True)
class ExecutionFact:
    """The result of one request."""

    request_id: str
    scraper: str
    game_date: date
    subject: str
    """Tells apart what is asked of one scraper about one date: the game, the team, the key, the market."""
    status: Status
    kind: FailureKind | None
    source: Source
    triggered_at: datetime
    completeness: "KnownCompleteness | None" = None
    not_before: datetime | None = None
    """The instant before which the source is not to be asked again, where it named one."""
    paused_host: str | None = None
    """The host that named it."""
    message: str = ""
    """Of a failure, what a person needs to act; of no_data, how it was told; cut to its beginning."""
    presumed: bool = False
    """Whether the controller answered for a request that had not been heard of; a real answer speaks louder."""
    slate: "Slate | None" = field(default=None, hash=False)
    """Of a scoreboard: how it lists the games of `game_date`."""

    @property
    def counts(self) -> bool:
        """Whether it ends the search for its data; somebody's local try does not."""
        # A try from somebody's laptop must not end production's search.
        return self.status is Status.SUCCESS and self.source is not Source.LOCAL


Slate = Mapping[str, datetime | None]
"""The tip-off of each listed game by "AWAY@HOME", None for one that is not played."""


@dataclass(frozen=True)
class KnownCompleteness:
    """Completeness that a success reports of itself."""

    expected: int | None = None
    """How many games or teams there should be in it."""
    missing: tuple[str, ...] = ()
    """Those that are not, by name; of many the first few and the number of the others, as they become part of an
    object's name."""

    def lacks(self, games: int) -> tuple[str, ...]:
        """Return what it lacks when so many games are played: a document may be without one and not know it."""
        unlisted = games - self.expected if self.expected is not None else 0
        if unlisted <= 0:
            return self.missing
        return (*self.missing, f"{unlisted} of {games} games, which it does not list")


class HostPause(Frozen):
    """A source's demand not to be asked again before an instant."""

    scraper: str = Field(description="which one was told")
    host: str | None = Field(
        default=None, description="who asks; null: not known, so the scraper alone waits"
    )
    until: Instant


def pause_of(fact: ExecutionFact) -> HostPause | None:
    """Return the pause that an execution was told of."""
    if fact.not_before is None:
        return None
    return HostPause(scraper=fact.scraper, host=fact.paused_host, until=fact.not_before)


class History:
    """Knowledge at the time of a decision. `pauses` are those of executions that are no longer among `executions`."""

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
        """When each request first went out, wall clock, by request id."""
        self.stale = stale
        """Whether the dataset could not be asked, so that the ledger alone speaks."""
        self._pauses: dict[tuple[str, str | None], datetime] = {}
        """The longest pause by scraper and host."""
        self.slates: list[ExecutionFact] = []
        """Executions of scoreboards that list the games of a day."""
        # Decisions ask for every subject of every workflow; scanning all facts each time would be quadratic.
        self._found: dict[tuple[str, date, str], list[ExecutionFact]] = {}
        self._newest: dict[tuple[str, date, str], ExecutionFact] = {}
        for fact in self.executions.values():
            self._index(fact)
        for pause in pauses:
            self._note_pause(pause)

    def found(
        self, scraper: str, game_date: date, subject: str, *, complete_for: int | None = None
    ) -> tuple[datetime, datetime] | None:
        """First and last success for the date the data is about, whoever asked; None without one. complete_for: only
        those that lack nothing of so many games."""
        facts = self._found.get((scraper, game_date, subject), ())
        instants = [
            fact.triggered_at for fact in facts if complete_for is None or not _lacks(fact, complete_for)
        ]
        return (min(instants), max(instants)) if instants else None

    def newest(self, scraper: str, game_date: date, subject: str) -> ExecutionFact | None:
        """Return what came of the newest execution for the date the data is about, whoever asked; None without one."""
        return self._newest.get((scraper, game_date, subject))

    def lacking(self, scraper: str, game_date: date, subject: str, games: int) -> tuple[str, ...]:
        """Return what the newest success lacks of so many games."""
        facts = self._found.get((scraper, game_date, subject), ())
        # The request id breaks a tie, so that the answer does not depend on the order of the rows.
        newest = max(facts, key=lambda fact: (fact.triggered_at, fact.request_id), default=None)
        return _lacks(newest, games) if newest else ()

    def paused_until(self, scraper: str, hosts: Iterable[str] = ()) -> datetime | None:
        """Return the instant before which a scraper is not to be requested, if its source named one.

        hosts: those without which the scraper brings nothing. A pause that one of them asked for counts whichever
        scraper was told.
        """
        needed = frozenset(hosts)
        named = (
            until
            for (paused_scraper, host), until in self._pauses.items()
            # Of a scraper that does not say which hosts it needs, only what it was told itself is known.
            if host in needed or (paused_scraper == scraper and (host is None or not needed))
        )
        return max(named, default=None)

    def _index(self, fact: ExecutionFact) -> None:
        if (pause := pause_of(fact)) is not None:
            self._note_pause(pause)
        # A try from somebody's laptop says nothing of how production stands.
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


def completeness_in(stated: object) -> KnownCompleteness | None:
    """Read `completeness` from a data_summary; None when it has none."""
    if not isinstance(stated, Mapping):
        return None
    expected, missing = stated.get("expected"), stated.get("missing")
    # The source's words, so anything may stand there.
    names = [str(name)[:MISSING_CHARACTERS] for name in missing] if isinstance(missing, list) else []
    if len(names) > MISSING_TOLD:
        names = [*names[:MISSING_TOLD], f"{len(names) - MISSING_TOLD} more"]
    return KnownCompleteness(expected if isinstance(expected, int) else None, tuple(names))


def completeness_of(event: ScrapeExecuted) -> KnownCompleteness | None:
    """Read the completeness that the execution states."""
    return completeness_in(event.data_summary.get("completeness"))


def slate_of(event: ScrapeExecuted) -> dict[str, datetime | None] | None:
    """Return how a scoreboard lists the day's games; None when the execution does not tell, or in words not known
    here."""
    stated = event.data_summary.get("slate")
    if not isinstance(stated, dict):
        return None
    slate: dict[str, datetime | None] = {}
    # Bounded, as it becomes part of a log entry: no day has more games than the league has teams.
    for matchup, tipoff in list(stated.items())[:SLATE_GAMES]:
        instant = _instant(tipoff)
        # Half a slate would look like games that are gone: all of it, or none.
        if len(matchup) > MATCHUP_CHARACTERS or (instant is None and tipoff != OFF):
            return None
        slate[matchup] = instant
    return slate


def _instant(value: JsonValue) -> datetime | None:
    try:
        return _INSTANT.validate_python(value) if isinstance(value, str) else None
    except ValidationError:
        return None


def preferred(known: ExecutionFact | None, new: ExecutionFact) -> ExecutionFact:
    """Choose between two answers to one request, whichever came first.

    A request that was presumed dead may be answered after all, and a success ends what any other answer leaves open.
    """
    return new if known is None or _rank(new) > _rank(known) else known


def _rank(fact: ExecutionFact) -> tuple[bool, int, bool, datetime]:
    status = (Status.FAILED, Status.NO_DATA, Status.SUCCESS).index(fact.status)
    # In this order: what counts for production, then success over nothing over failure, then a
    # real answer over a presumed one, then the newest. It is commutative, so the order in
    # which facts arrive does not matter.
    return fact.counts, status, not fact.presumed, fact.triggered_at


def merge(*sources: Iterable[ExecutionFact]) -> dict[str, ExecutionFact]:
    """Combine facts by request; where sources differ, keep the preferred one."""
    facts: dict[str, ExecutionFact] = {}
    for source in sources:
        for fact in source:
            facts[fact.request_id] = preferred(facts.get(fact.request_id), fact)
    return facts


Outputs = Mapping[str, Mapping[str, tuple[str, ...]]]
"""The values that executions gave to fan out over: by request id, then by key."""


@dataclass(frozen=True)
class Known:
    """Known executions, request times and outputs, by request id."""

    executions: Mapping[str, ExecutionFact] = field(default_factory=dict)
    requested: Mapping[str, datetime] = field(default_factory=dict)
    outputs: Outputs = field(default_factory=dict)


def subject_of(parameters: Mapping[str, str], names: Iterable[str]) -> str:
    """Return the values of `names` among the parameters; "-" without any."""
    return "&".join(parameters[name] for name in names if name in parameters) or NO_SUBJECT
