"""The log of one occurrence in numbered entries, and the state that follows from them. Pure.

The first entry holds the plan and its first requests. Each further entry holds the executions that arrived together and
the requests that follow from them. The writer of an entry has read all earlier entries, so follow-ups are computed
once, and the cost of an entry depends only on its new executions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Self

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
from tipoff_planning.drafts import request, skip
from tipoff_planning.frozen import Frozen
from tipoff_planning.history import (
    ExecutionFact,
    ReportedCompleteness,
    RequestRecords,
    completeness_of,
    preferred,
    slate_of,
    subject_of,
)
from tipoff_planning.plans import Plan
from tipoff_planning.progress import NOTHING_HELD, HeldRequests, PlanProgress
from tipoff_planning.reasons import Reason
from tipoff_planning.workflows import Configuration

MESSAGE_CHARACTERS = 300
"""Enough for a sentence on a failure's cause; small, as each summary repeats the messages of all executions so far."""


class LoggedExecution(Frozen):
    """The fields of an execution from which its follow-ups are computed."""

    request_id: str
    scraper: str
    subject: str
    status: Status
    kind: FailureKind | None = None
    source: Source
    triggered_at: Instant
    expected: int | None = Field(
        default=None, description="games or teams that the document should list; null if not stated"
    )
    missing: tuple[str, ...] | None = Field(
        default=None, description="games or teams that the document lacks; null if not stated"
    )
    not_before: Instant | None = None
    paused_host: str | None = None
    message: str = ""
    presumed: bool = False
    records: int | None = Field(default=None, description="for a success: number of records written")
    set_aside: int = Field(default=0, description="items of the document that could not be read")
    outputs: Mapping[str, tuple[str, ...]] = Field(default={}, description="values to fan out over, by key")
    slate: Mapping[str, Instant | None] | None = Field(
        default=None,
        description="for a scoreboard: tip-offs of the day's games by AWAY@HOME, null for a game that is off",
    )

    @classmethod
    def from_fact(cls, fact: ExecutionFact) -> Self:
        """Convert an execution in the dataset to the form that the log stores: the inverse of `fact()`."""
        return cls(
            request_id=fact.request_id,
            scraper=fact.scraper,
            subject=fact.subject,
            status=fact.status,
            kind=fact.kind,
            source=fact.source,
            triggered_at=fact.triggered_at,
            expected=fact.completeness.expected if fact.completeness else None,
            missing=fact.completeness.missing if fact.completeness else None,
            not_before=fact.not_before,
            paused_host=fact.paused_host,
            message=fact.message[:MESSAGE_CHARACTERS],
            presumed=fact.presumed,
            slate=fact.slate,
        )

    def fact(self, game_date: date) -> ExecutionFact:
        """Convert the execution to the form that decisions read."""
        return ExecutionFact(
            request_id=self.request_id,
            scraper=self.scraper,
            game_date=game_date,
            subject=self.subject,
            status=self.status,
            kind=self.kind,
            source=self.source,
            triggered_at=self.triggered_at,
            completeness=ReportedCompleteness(self.expected, self.missing)
            if self.missing is not None
            else None,
            not_before=self.not_before,
            paused_host=self.paused_host,
            message=self.message,
            presumed=self.presumed,
            slate=self.slate,
        )


class Summary(Frozen):
    """Combined content of all earlier entries, which a reader can then skip."""

    plan: Plan | None = None
    executions: tuple[LoggedExecution, ...] = ()
    requested: Mapping[str, Instant] = Field(
        default={}, description="first publication of each request, by its id"
    )
    skipped: tuple[str, ...] = ()
    # A redelivery after the summary still has to find its own entry.
    entry_of: Mapping[str, int] = Field(
        default={}, description="number of the entry that holds an execution, by request id"
    )


class Entry(Frozen):
    """One entry of an occurrence's log."""

    # An entry of a later version fails validation and is rebuilt from the dataset, rather than half understood.
    version: Literal[1] = 1
    at: Instant = Field(description="when the entry was written; its follow-ups carry this instant")
    plan: Plan | None = None
    executions: tuple[LoggedExecution, ...] = ()
    requested: tuple[str, ...] = Field(default=(), description="ids of the requests published with the entry")
    skipped: tuple[str, ...] = Field(default=(), description="steps that are never requested")
    rebuilt: bool = Field(default=False, description="the entry replaces unreadable entries")
    lost: tuple[str, ...] = Field(default=(), description="names of the unreadable entries")
    tick: Instant | None = Field(
        default=None,
        description="the evaluation that wrote the entry; null for arrived executions or a decided plan",
    )
    summary: Summary | None = None


@dataclass(frozen=True)
class FollowUps:
    """Events that the controller has to publish because of an entry."""

    requests: tuple[ScrapeRequested, ...] = ()
    skips: tuple[WorkflowDecided, ...] = ()


@dataclass
class OccurrenceState:
    """State of an occurrence according to its log."""

    game_date: date
    occurrence_id: str
    next_number: int = 0
    """The number of the next entry."""
    progress: PlanProgress | None = None
    """None while no entry has a plan."""
    executions: dict[str, LoggedExecution] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    entry_of: dict[str, int] = field(default_factory=dict)
    """The number of the entry that holds an execution, by request id."""
    unreadable: list[str] = field(default_factory=list)
    """Names of unreadable entries that no later entry replaces."""
    written_by_tick: tuple[datetime, int] | None = None
    """Tick and number of the newest entry that an evaluation wrote: a redelivered tick publishes that entry again."""
    published: set[int] = field(default_factory=set)
    """Entries whose follow-ups this process has published. Another process may publish them again."""

    @property
    def plan(self) -> Plan | None:
        """The frozen plan; None when none was read."""
        return self.progress.plan if self.progress else None

    @property
    def settled(self) -> bool:
        """Whether no follow-ups will come any more; always true without a plan."""
        return self.progress.settled if self.progress else True

    @property
    def facts(self) -> Iterable[ExecutionFact]:
        """The executions in the form that decisions read."""
        return (item.fact(self.game_date) for item in self.executions.values())

    def apply(self, entry: Entry) -> None:
        """Apply the next entry to the state."""
        # A summary is for a reader that starts at this entry; the state has its content already otherwise.
        if entry.summary is not None and self.progress is None and not self.executions:
            # Before the entry's own content: a summary covers only the earlier entries.
            self._restore(entry.summary)
        if entry.plan is not None:
            self._begin(entry.plan)
        for item in entry.executions:
            # Keep the first entry: a redelivery republishes the follow-ups of that entry, not those of today's state.
            self.entry_of.setdefault(item.request_id, self.next_number)
            self._note(item)
        if self.progress is not None:
            self.progress.note_requested(entry.requested, entry.at)
        self.skipped.update(entry.skipped)
        # The entry replaces every entry found unreadable so far; later unreadable entries are listed anew.
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
        held: HeldRequests = NOTHING_HELD,
    ) -> Entry | None:
        """Draft an entry with the new executions and their follow-ups; None without either.

        Adds the executions to `progress`, so the caller has to write and apply the entry, or discard the state.
        now: the instant by which retries are due. at: the wall clock. rebuilt: the entry replaces unreadable entries,
        and `plan` replaces their plan. held: the requests to hold back for now.
        """
        if plan is not None:
            self._begin(plan)
        news = tuple(item for item in executions if self._is_news(item))
        # Named in the entry: each delivery builds the decision that reports them from the entry again.
        lost = tuple(self.unreadable) if rebuilt else ()
        if self.progress is None:
            # The entry with the plan may be unreadable; keep the executions until the ledger or a decision gives it.
            if not (news or rebuilt):
                return None
            return Entry(at=at, executions=news, rebuilt=rebuilt, lost=lost, tick=tick)
        # Update the progress first: the requests below follow from these executions.
        for item in news:
            self.progress.add(item.fact(self.game_date), item.outputs)
        requested = tuple(self.progress.request_id(attempt) for attempt in self.progress.due(now, held))
        skipped = tuple(item.step for item in self.progress.skipped if item.step not in self.skipped)
        # No entry without content: otherwise the log would grow with each redelivery.
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
        """Return whether any of the executions is new or changes the state."""
        return any(self._is_news(item) for item in executions)

    def follow_ups(self, entry: Entry, environment: str) -> FollowUps:
        """Build the events to publish for an applied entry; repeated calls give the same events."""
        if self.progress is None:
            return FollowUps()
        plan = self.progress.plan
        attempts = (self.progress.attempt(identifier) for identifier in entry.requested)
        # A step may have begun since the entry was written; a decision must not report it as skipped any more.
        standing = {item.step: item for item in self.progress.skipped}
        skips = [standing[step] for step in entry.skipped if step in standing]
        # In a replayed day decisions carry the day's own time, and requests carry the wall clock for their leases.
        at = plan.event_time or entry.at
        return FollowUps(
            tuple(request(plan, attempt, entry.at) for attempt in attempts if attempt is not None),
            tuple(skip(plan, item, environment, at) for item in skips),
        )

    def summarized(self, entry: Entry) -> Entry:
        """Return the entry with a summary of the state."""
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
        # Keep the first plan: an occurrence is decided only once.
        if self.progress is None:
            outputs = {name: item.outputs for name, item in self.executions.items() if item.outputs}
            # Executions may precede the plan if the entry with the plan was unreadable.
            facts = {item.request_id: item for item in self.facts}
            self.progress = PlanProgress(plan, RequestRecords(facts, requested, outputs))

    def _note(self, item: LoggedExecution) -> None:
        if self._is_news(item):
            self.executions[item.request_id] = item
        if self.progress is not None:
            self.progress.add(item.fact(self.game_date), item.outputs)

    def _is_news(self, item: LoggedExecution) -> bool:
        if (logged := self.executions.get(item.request_id)) is None:
            return True
        current = logged.fact(self.game_date)
        return preferred(current, item.fact(self.game_date)) is not current


def _message_of(outcome: Outcome) -> str:
    """Return the message of an outcome without success; people see by it if a source is late, empty or broken."""
    return (
        outcome.message
        if isinstance(outcome, Failed)
        else outcome.reason
        if isinstance(outcome, NoData)
        else ""
    )


def log_execution(event: ScrapeExecuted, subject_parameters: Iterable[str]) -> LoggedExecution:
    """Convert an execution event to the form that the log stores."""
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
        message=_message_of(outcome)[:MESSAGE_CHARACTERS],
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
    """Build the decision that reports an entry as the replacement of unreadable ones; equal for each delivery of the
    tick."""
    # The sentence names one entry; the context below lists them all.
    more = f" and {len(entry.lost) - 1} more" if len(entry.lost) > 1 else ""
    return WorkflowDecided(
        decision_id=decision_id(f"{state.occurrence_id}:rebuilt", context.tick),
        occurrence_id=state.occurrence_id,
        workflow_name=state.plan.workflow if state.plan else "unknown",
        game_date=state.game_date,
        # The entry's instant and not this delivery's, so that a redelivery publishes the
        # same content under the same id.
        decision_time=context.event_time or entry.at,
        action=Action.SKIP,
        reason_code=Reason.MEMORY_REBUILT.value,
        reason=f"Records of this occurrence were unreadable ({entry.lost[0]}{more});"
        " they were rebuilt from the dataset.",
        context={"unreadable": list(entry.lost)},
        priority=state.plan.priority if state.plan else Priority.MEDIUM,
        alert_level=AlertLevel.WARNING,
        config_hash=configuration.hash,
        controller_version=RELEASE,
        environment=context.environment,
        triggered_by=context.triggered_by,
    )
