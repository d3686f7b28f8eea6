"""Decisions, their inputs, and the construction of a decision from its parts."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from pydantic import JsonValue

from tipoff_common.clock import business_date
from tipoff_common.events import Action, AlertLevel
from tipoff_planning.calendar import Calendar
from tipoff_planning.discovery.accounts import discovery_context
from tipoff_planning.discovery.plans import DiscoveryPlans
from tipoff_planning.history import History, Outputs, RequestRecords
from tipoff_planning.occurrences import Agenda, Occurrence, agenda
from tipoff_planning.outstanding import Outstanding
from tipoff_planning.pauses import Pauses
from tipoff_planning.plans import Plan
from tipoff_planning.progress import Attempt, PlanProgress
from tipoff_planning.reasons import Reason
from tipoff_planning.workflows import Configuration


@dataclass(frozen=True)
class Decision:
    """One workflow, one occurrence, one tick."""

    occurrence: Occurrence
    action: Action
    code: Reason
    sentence: str
    alert_level: AlertLevel
    next_check: datetime | None
    context: Mapping[str, JsonValue]
    outstanding: Outstanding | None = None
    """For a first RUN: the outstanding part of the workflow, from which the plan is frozen."""
    plan: Plan | None = None
    """For a later RUN: the plan that the first RUN froze."""
    due: tuple[Attempt, ...] = ()
    """For a later RUN: the due attempts of the plan."""


@dataclass(frozen=True)
class DecisionInputs:
    """All that a decision depends on."""

    configuration: Configuration
    calendar: Calendar | None
    history: History
    now: datetime
    plans: Mapping[str, Plan] = field(default_factory=dict)
    """The frozen plans of occurrences decided before, by occurrence id."""
    # The controller updates them one execution at a time; the cost of a recomputation grows with the executions.
    standings: Mapping[str, PlanProgress] = field(default_factory=dict)
    """Progress of plans by occurrence id; the progress of a plan that is absent is computed from the history."""
    outputs: Outputs = field(default_factory=dict)
    """Values from executions to fan out over, by request id."""
    empty_looks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By workflow, the ids of its occurrences that found nothing since its last success."""
    discovery: DiscoveryPlans = field(default_factory=dict)
    """The day's plans of the searches with learned times."""
    pauses: Pauses = field(default_factory=Pauses)
    """Pauses of workflows and scrapers by people."""
    locked: Mapping[date, Container[str]] = field(default_factory=dict)
    """By business day, the ids of the occurrences in its locked schedule. An absent day expects every occurrence."""
    agenda: Agenda | None = None
    """The expected occurrences around `today`, from a caller that has computed them already: they are most of the work
    of an evaluation in which nothing is due."""

    @cached_property
    def today(self) -> date:
        """The business day of `now`."""
        return business_date(self.now, self.configuration.zone)

    @cached_property
    def calendar_is_stale(self) -> bool:
        """Whether the calendar is older than decisions may rely on."""
        # No calendar has landed yet: stale, so that the refresh requests one.
        if self.calendar is None:
            return True
        return self.calendar.age(self.now) > self.configuration.file.calendar.stale_after

    @cached_property
    def request_records(self) -> RequestRecords:
        """Executions, request times and outputs, by request id."""
        return RequestRecords(self.history.executions, self.history.requested, self.outputs)

    def standing(self, occurrence: str) -> PlanProgress | None:
        """Return the progress of an occurrence's plan; None when the occurrence has no plan yet."""
        if occurrence in self.standings:
            return self.standings[occurrence]
        plan = self.plans.get(occurrence)
        return PlanProgress(plan, self.request_records) if plan is not None else None

    def paused_until(self, scraper: str) -> datetime | None:
        """Return the end of the pause that the scraper's source asked for; None when it may be requested."""
        # A frozen plan may name a scraper that has since been removed.
        spec = self.configuration.catalog.get(scraper)
        until = self.history.paused_until(scraper, spec.hosts if spec else ())
        return until if until is not None and until > self.now else None

    @cached_property
    def expected(self) -> Agenda:
        """The expected occurrences around the business day, by workflow."""
        if self.agenda is not None:
            return self.agenda
        return agenda(self.configuration, self.calendar, self.today, self.discovery)


def decision_about(
    occurrence: Occurrence,
    upcoming: Occurrence | None,
    inputs: DecisionInputs,
    action: Action,
    code: Reason,
    sentence: str,
    *,
    alert: bool = False,
    again: datetime | None = None,
    outstanding: Outstanding | None = None,
    plan: Plan | None = None,
    due: tuple[Attempt, ...] = (),
    **context: JsonValue,
) -> Decision:
    """Build the decision about an occurrence.

    alert: whether to use the workflow's alert level. again: the instant of the occurrence's own next request.
    context: facts beside those that every decision has.
    """
    calendar, now = inputs.calendar, inputs.now
    workflow = inputs.configuration.workflows[occurrence.workflow]
    # A fleet without games has no calendar that could be stale.
    about_games: dict[str, JsonValue] = {}
    if inputs.configuration.has_games:
        about_games = {
            "games": len(occurrence.games),
            "calendar_age_minutes": int(calendar.age(now).total_seconds() // 60) if calendar else None,
            "calendar_stale": inputs.calendar_is_stale,
        }
        # For the alert's command, as the dataset does not have the configuration.
        if inputs.calendar_is_stale and (refresher := inputs.configuration.refresher):
            about_games["calendar_workflow"] = refresher
    return Decision(
        occurrence=occurrence,
        action=action,
        code=code,
        sentence=sentence,
        alert_level=workflow.alert_level if alert else AlertLevel.NONE,
        # The next occurrence or retry, not the next tick: people plan by occurrences.
        next_check=min(
            (
                *((upcoming.expected,) if upcoming else ()),
                *((again,) if again is not None and again < occurrence.deadline else ()),
            ),
            default=None,
        ),
        context={
            "expected_run_time": occurrence.expected.isoformat(),
            "deadline": occurrence.deadline.isoformat(),
            **about_games,
            "history_stale": inputs.history.stale,
            **discovery_context(occurrence, inputs.discovery.get((occurrence.workflow, occurrence.day))),
            **context,
        },
        outstanding=outstanding,
        plan=plan,
        due=due,
    )
