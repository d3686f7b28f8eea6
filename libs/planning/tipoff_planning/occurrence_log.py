"""The log of one occurrence in numbered entries, and the state that follows from them. Pure.

The first entry holds the plan and its first requests. Each further one holds the executions that arrived together and
the requests that follow from them. Who appends an entry has read all before it, so what follows is worked out once, and
each entry costs as much as what is new in it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from pydantic import Field

from tipoff_common import RELEASE
from tipoff_common.clock import Instant
from tipoff_common.events import (
    Action,
    AlertLevel,
    Priority,
    ScrapeExecuted,
    ScrapeRequested,
    Source,
    WorkflowDecided,
)
from tipoff_common.executions import PRESUMED, set_aside_in
from tipoff_common.identity import decision_id
from tipoff_common.outcomes import Failed, FailureKind, NoData, Outcome, Status, Success
from tipoff_planning.context import EvaluationContext
from tipoff_planning.decision import Reason
from tipoff_planning.drafts import request, skip
from tipoff_planning.frozen import Frozen
from tipoff_planning.history import (
    ExecutionFact,
    Known,
    KnownCompleteness,
    completeness_of,
    preferred,
    slate_of,
    subject_of,
)
from tipoff_planning.plans import Plan
from tipoff_planning.progress import NOTHING_HELD, Held, PlanProgress
from tipoff_planning.workflows import Configuration

MESSAGE_CHARACTERS = 300
"""Enough for a sentence on why a source fails. Each summary repeats the messages of all executions before it."""


class LoggedExecution(Frozen):
    """An execution, as much of it as decides what follows."""

    request_id: str
    scraper: str
    subject: str
    status: Status
    kind: FailureKind | None = None
    source: Source
    triggered_at: Instant
    expected: int | None = Field(
        default=None, description="games or teams that should be in it, if it says so"
    )
    missing: tuple[str, ...] | None = Field(
        default=None, description="those that are not; null: it does not say"
    )
    not_before: Instant | None = None
    paused_host: str | None = None
    message: str = ""
    presumed: bool = False
    records: int | None = Field(default=None, description="of a success: how many it wrote")
    set_aside: int = Field(default=0, description="items of the document that could not be read")
    outputs: Mapping[str, tuple[str, ...]] = Field(default={}, description="values to fan out over, by key")
    slate: Mapping[str, Instant | None] | None = Field(
        default=None,
        description="of a scoreboard: tip-offs of the day's games by AWAY@HOME, null for one that is off",
    )

    def fact(self, game_date: date) -> ExecutionFact:
        """Return the execution as decisions read it."""
        return ExecutionFact(
            request_id=self.request_id,
            scraper=self.scraper,
            game_date=game_date,
            subject=self.subject,
            status=self.status,
            kind=self.kind,
            source=self.source,
            triggered_at=self.triggered_at,
            completeness=KnownCompleteness(self.expected, self.missing) if self.missing is not None else None,
            not_before=self.not_before,
            paused_host=self.paused_host,
            message=self.message,
            presumed=self.presumed,
            slate=self.slate,
        )


class Summary(Frozen):
    """All that the entries before one say, so that they need not be read."""

    plan: Plan | None = None
    executions: tuple[LoggedExecution, ...] = ()
    requested: Mapping[str, Instant] = Field(
        default={}, description="when each request first went out, by its id"
    )
    skipped: tuple[str, ...] = ()
    # Kept, because a delivery that is repeated after the summary still has to find its own entry.
    entry_of: Mapping[str, int] = Field(
        default={}, description="the entry that an execution came in, by its request"
    )


class Entry(Frozen):
    """One entry of an occurrence's log."""

    # An entry of a later version cannot be read and is rebuilt from the dataset, rather than half understood.
    version: Literal[1] = 1
    at: Instant = Field(description="when it was written; what follows from it carries this instant")
    plan: Plan | None = None
    executions: tuple[LoggedExecution, ...] = ()
    requested: tuple[str, ...] = Field(default=(), description="ids of the requests that go out with it")
    skipped: tuple[str, ...] = Field(default=(), description="steps that are never asked for")
    rebuilt: bool = Field(default=False, description="it stands for entries that could not be read")
    lost: tuple[str, ...] = Field(default=(), description="the names of those entries")
    tick: Instant | None = Field(
        default=None,
        description="the evaluation that wrote it; null: executions that came, or a plan that was decided",
    )
    summary: Summary | None = None


@dataclass(frozen=True)
class FollowUps:
    """Events that the controller has to publish because of an entry."""

    requests: tuple[ScrapeRequested, ...] = ()
    skips: tuple[WorkflowDecided, ...] = ()


@dataclass
class OccurrenceState:
    """An occurrence as its log has it."""

    game_date: date
    occurrence_id: str
    next_number: int = 0
    """The number of the entry that comes next."""
    progress: PlanProgress | None = None
    """None while no entry has a plan."""
    executions: dict[str, LoggedExecution] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    entry_of: dict[str, int] = field(default_factory=dict)
    """The number of the entry that an execution came in, by its request."""
    unreadable: list[str] = field(default_factory=list)
    """Names of entries that cannot be read, and that no later entry stands for."""
    written_by_tick: tuple[datetime, int] | None = None
    """The newest entry that an evaluation wrote, by its tick and number: the tick's next delivery publishes it too."""
    published: set[int] = field(default_factory=set)
    """Entries whose follow-ups this process has published. Another process may publish them again."""

    @property
    def plan(self) -> Plan | None:
        """The frozen plan; None when none was read."""
        return self.progress.plan if self.progress else None

    @property
    def settled(self) -> bool:
        """Whether nothing more will come. Of an occurrence without a plan nothing follows."""
        return self.progress.settled if self.progress else True

    @property
    def facts(self) -> Iterable[ExecutionFact]:
        """What is known of its requests, as decisions read it."""
        return (item.fact(self.game_date) for item in self.executions.values())

    def apply(self, entry: Entry) -> None:
        """Take in the next entry."""
        # A reader that followed the log knows all that a summary says; it is for one who starts here.
        if entry.summary is not None and self.progress is None and not self.executions:
            # Before the entry's own content: a summary holds what came before it, not what it brings.
            self._restore(entry.summary)
        if entry.plan is not None:
            self._begin(entry.plan)
        for item in entry.executions:
            # The first entry stays: a redelivery republishes what followed then, not what would follow now.
            self.entry_of.setdefault(item.request_id, self.next_number)
            self._note(item)
        if self.progress is not None:
            self.progress.note_requested(entry.requested, entry.at)
        self.skipped.update(entry.skipped)
        # It stands for all that could not be read so far; what breaks after it is listed anew.
        if entry.rebuilt:
            self.unreadable.clear()
        if entry.tick is not None:
            self.written_by_tick = entry.tick, self.next_number
        self.next_number += 1

    def draft(
        self,
        executions: Iterable[LoggedExecution],
        *,
        now: datetime,
        at: datetime,
        rebuilt: bool = False,
        plan: Plan | None = None,
        tick: datetime | None = None,
        held: Held = NOTHING_HELD,
    ) -> Entry | None:
        """Draft the entry that takes in what is new, with what follows from it; None when nothing does.

        now: the instant by which retries are due. at: the wall clock. The executions are part of the standing from here
        on, so the entry has to be written and applied, or the state thrown away. rebuilt: it stands for entries that
        cannot be read, with `plan` in place of theirs. held: what is not requested for now.
        """
        if plan is not None:
            self._begin(plan)
        news = tuple(item for item in executions if self._is_news(item))
        # Named in the entry, since the decision that reports them is built from it again at each delivery.
        lost = tuple(self.unreadable) if rebuilt else ()
        if self.progress is None:
            # The entry with the plan may be unreadable; the executions are kept for when the plan is found elsewhere.
            if not (news or rebuilt):
                return None
            return Entry(at=at, executions=news, rebuilt=rebuilt, lost=lost, tick=tick)
        # Into the standing first: what is requested below follows from them.
        for item in news:
            self.progress.add(item.fact(self.game_date), item.outputs)
        requested = tuple(self.progress.request_id(attempt) for attempt in self.progress.due(now, held))
        skipped = tuple(item.step for item in self.progress.skipped if item.step not in self.skipped)
        # A delivery that was seen before writes nothing, or entries would grow with redeliveries.
        if not (news or requested or skipped or rebuilt):
            return None
        return Entry(
            at=at,
            plan=plan,
            executions=news,
            requested=requested,
            skipped=skipped,
            rebuilt=rebuilt,
            lost=lost,
            tick=tick,
        )

    def has_news(self, executions: Iterable[LoggedExecution]) -> bool:
        """Return whether any of the executions says something that is not known."""
        return any(self._is_news(item) for item in executions)

    def follow_ups(self, entry: Entry, environment: str) -> FollowUps:
        """Build what an applied entry makes the controller publish: the same however often it is asked."""
        if self.progress is None:
            return FollowUps()
        plan = self.progress.plan
        attempts = (self.progress.attempt(identifier) for identifier in entry.requested)
        # A step may have begun since the entry was written. Then it is no longer skipped, and no decision may say so.
        standing = {item.step: item for item in self.progress.skipped}
        skips = [standing[step] for step in entry.skipped if step in standing]
        # In a replayed day decisions carry the day's own time, requests the wall clock that their leases run by.
        at = plan.event_time or entry.at
        return FollowUps(
            tuple(request(plan, attempt, entry.at) for attempt in attempts if attempt is not None),
            tuple(skip(plan, item, environment, at) for item in skips),
        )

    def summarized(self, entry: Entry) -> Entry:
        """Return the entry with all before it."""
        summary = Summary(
            plan=self.plan,
            executions=tuple(self.executions.values()),
            requested=self.progress.requested if self.progress else {},
            skipped=tuple(sorted(self.skipped)),
            entry_of=self.entry_of,
        )
        return entry.model_copy(update={"summary": summary})

    def _restore(self, summary: Summary) -> None:
        self.executions = {item.request_id: item for item in summary.executions}
        self.skipped, self.entry_of = set(summary.skipped), dict(summary.entry_of)
        if summary.plan is not None:
            self._begin(summary.plan, summary.requested)

    def _begin(self, plan: Plan, requested: Mapping[str, datetime] = {}) -> None:
        # The first plan stays: what was decided once is never decided again.
        if self.progress is None:
            outputs = {name: item.outputs for name, item in self.executions.items() if item.outputs}
            # Executions may be there before the plan, when the entry with the plan could not be read.
            facts = {item.request_id: item for item in self.facts}
            self.progress = PlanProgress(plan, Known(facts, requested, outputs))

    def _note(self, item: LoggedExecution) -> None:
        if self._is_news(item):
            self.executions[item.request_id] = item
        if self.progress is not None:
            self.progress.add(item.fact(self.game_date), item.outputs)

    def _is_news(self, item: LoggedExecution) -> bool:
        if (logged := self.executions.get(item.request_id)) is None:
            return True
        known = logged.fact(self.game_date)
        return preferred(known, item.fact(self.game_date)) is not known


def _told(outcome: Outcome) -> str:
    """Return what a person reads of an outcome that is no success: late is told from empty, and broken, by it."""
    return (
        outcome.message
        if isinstance(outcome, Failed)
        else outcome.reason
        if isinstance(outcome, NoData)
        else ""
    )


def log_execution(event: ScrapeExecuted, subject_parameters: Iterable[str]) -> LoggedExecution:
    """Return an execution event as the log keeps it."""
    outcome, completeness = event.outcome, completeness_of(event)
    failed = outcome if isinstance(outcome, Failed) else None
    return LoggedExecution(
        request_id=event.request_id,
        scraper=event.scraper_name,
        subject=subject_of(event.parameters, subject_parameters),
        status=outcome.status,
        kind=failed.kind if failed else None,
        source=event.source,
        triggered_at=event.triggered_at,
        expected=completeness.expected if completeness else None,
        missing=completeness.missing if completeness else None,
        not_before=failed.not_before if failed else None,
        paused_host=failed.paused_host if failed else None,
        message=_told(outcome)[:MESSAGE_CHARACTERS],
        presumed=bool(event.data_summary.get(PRESUMED)),
        records=outcome.record_count if isinstance(outcome, Success) else None,
        set_aside=set_aside_in(event.data_summary)[0],
        outputs=event.fan_out_keys,
        # A refused document may be about another day.
        slate=None if failed else slate_of(event),
    )


def rebuilt_decision(
    state: OccurrenceState, entry: Entry, configuration: Configuration, context: EvaluationContext
) -> WorkflowDecided:
    """Return the decision that an entry stands for others that could not be read, the same for each delivery of the
    tick."""
    # One name is enough to find the others; the context below lists them all.
    more = f" and {len(entry.lost) - 1} more" if len(entry.lost) > 1 else ""
    return WorkflowDecided(
        decision_id=decision_id(f"{state.occurrence_id}:rebuilt", context.tick),
        occurrence_id=state.occurrence_id,
        workflow_name=state.plan.workflow if state.plan else "unknown",
        game_date=state.game_date,
        # The entry's instant and not this delivery's, so that a repetition publishes the
        # same content under the same id.
        decision_time=context.event_time or entry.at,
        action=Action.SKIP,
        reason_code=Reason.MEMORY_REBUILT.value,
        reason=f"What was remembered of this occurrence could not be read ({entry.lost[0]}{more});"
        " it was rebuilt from the dataset.",
        context={"unreadable": list(entry.lost)},
        priority=state.plan.priority if state.plan else Priority.MEDIUM,
        alert_level=AlertLevel.WARNING,
        config_hash=configuration.hash,
        controller_version=RELEASE,
        environment=context.environment,
        triggered_by=context.triggered_by,
    )
