"""One search on one day for people: the learned curve, the days behind it, and the day's checks with their states.

The read model of `tipoff explain`, `tipoff discovery show` and a page of the console, built from the dataset.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import Field

from tipoff_common.clock import Instant
from tipoff_common.outcomes import Status
from tipoff_common.ports import Warehouse
from tipoff_common.words import pluralize
from tipoff_planning.calendar import Calendar
from tipoff_planning.discovery.plans import NO_PLANS, DiscoveryPlan, DiscoveryPlans, Purpose, plan_day
from tipoff_planning.discovery.searches import (
    HISTORY_DAYS,
    cannot_learn,
    history_of,
    search_of,
    searched_scraper,
)
from tipoff_planning.execution_log import read_looks
from tipoff_planning.frozen import Frozen
from tipoff_planning.history import ExecutionFact
from tipoff_planning.occurrences import window_of
from tipoff_planning.schedules import Discovery
from tipoff_planning.workflows import Configuration, Strategy

_MINUTE = timedelta(minutes=1)
_SAME_CHECK = timedelta(minutes=15)
"""Longest time from a check to the start of its execution: a late evaluation, and the delivery of the request."""

# The plan that the day's decisions followed, from the context of the newest decision.
_FOLLOWED = """
SELECT TO_JSON_STRING(JSON_QUERY(context, '$.discovery')) AS discovery
FROM nba_orchestration.workflow_decisions
WHERE DATE(decision_time) BETWEEN @first_partition AND @last_partition
  AND workflow_name = @workflow
  AND game_date = @game_date
  AND environment = @environment
  AND decision_time <= @as_of
  AND JSON_QUERY(context, '$.discovery') IS NOT NULL
QUALIFY ROW_NUMBER() OVER (ORDER BY decision_time DESC, decision_id) = 1
"""


class CheckState(StrEnum):
    """State of one of the day's checks."""

    PLANNED = "planned"
    FOUND = "found"
    IN_VAIN = "in_vain"
    FAILED = "failed"
    NOT_MADE = "not_made"
    NOT_NEEDED = "not_needed"

    @property
    def label(self) -> str:
        """The state in words, for people."""
        return _STATE_WORDS.get(self, self.value.replace("_", " "))


_STATE_WORDS: Mapping[CheckState, str] = {CheckState.FOUND: "found it", CheckState.IN_VAIN: "nothing yet"}


class CurveBin(Frozen):
    """One bin of the learned distribution."""

    starts: Instant
    ends: Instant
    probability: float = Field(description="probability of publication within the bin, over all days")
    published_by: float = Field(
        description="probability of publication by the end of the bin, before the window included"
    )


class ObservedDay(Frozen):
    """Observation of one day before: the document appeared between two looks."""

    game_date: date
    after_minute: float | None = Field(
        description="last look in vain, minutes after the opening; null without one"
    )
    before_minute: float | None = Field(description="first successful look; null without one")


class DayCheck(Frozen):
    """One check of the day."""

    at: Instant
    purpose: Purpose | None = Field(description="null on the fixed beat")
    probability: float | None = Field(description="share of days that it finds; null on the beat")
    state: CheckState


class DiscoveryReport(Frozen):
    """Publication times of a source as far as known, and the checks of one day."""

    workflow: str
    strategy: Strategy = Field(description="the configured strategy")
    day: date
    game_date: date
    as_of: Instant
    opens: Instant
    closes: Instant
    plan: DiscoveryPlan = Field(description="planned from the rows present when the window opened")
    followed_model: str | None = Field(
        description="version named by the day's decisions; null without decisions, or on the fixed beat"
    )
    early: float = Field(description="probability of publication before the window opens")
    never: float = Field(description="probability of no publication before it closes")
    curve: tuple[CurveBin, ...] = Field(description="empty when no history was read")
    days: tuple[ObservedDay, ...] = Field(description="the days behind the curve, oldest first")
    checks: tuple[DayCheck, ...] = Field(description="the day's checks, learned or on the beat, ascending")
    found_at: Instant | None = Field(description="first success of the day; null without one")

    @property
    def agrees(self) -> bool:
        """Whether the day's decisions followed this plan; later rows may change a fit."""
        model = self.plan.model.version if self.plan.model and self.plan.learned else None
        return self.followed_model in (None, model)

    @property
    def headline(self) -> str:
        """The day's strategy and model in words, without a capital and a full stop."""
        plan, model = self.plan, self.plan.model
        model_text = ""
        if model is not None and model.days:
            off = f", off by {100 * model.calibration:.0f} points" if model.calibration is not None else ""
            days = f"{pluralize(model.days, 'day')}, {model.first_day} to {model.last_day}"
            model_text = f"model {model.version} of {days}{off}"
        if self.strategy is Strategy.FIXED:
            return f"fixed beat, as configured; to learn from: {model_text or 'nothing yet'}"
        if plan.fallback is not None:
            return f"fixed beat, {plan.fallback.value}: {plan.detail}"
        return f"learned, {model_text}"


def plans_from(
    configuration: Configuration,
    facts: Sequence[ExecutionFact],
    days: Iterable[date],
    now: datetime,
    workflows: Iterable[str] | None = None,
    calendar: Calendar | None = None,
) -> DiscoveryPlans:
    """Plan searches again from executions, as the controller did when their windows opened.

    workflows: the learned ones by default. calendar: the source of the first tip-offs. Only executions up to that
    opening count, so a past day gets its original plan, unless rows about older days or tip-offs came in later.
    """
    found: dict[tuple[str, date], DiscoveryPlan] = {}
    for workflow in configuration.learned if workflows is None else workflows:
        for day in days:
            if (search := search_of(configuration, workflow, day)) is not None:
                # Plan an opened window from the executions up to its opening, and a later one from those up to now.
                moment = min(now, search.opens)
                known = [fact for fact in facts if fact.triggered_at <= moment]
                found[workflow, day] = plan_day(
                    search, history_of(search, known, configuration, moment, calendar), moment
                )
    return found or NO_PLANS


def read_discovery(
    warehouse: Warehouse,
    environment: str,
    configuration: Configuration,
    workflow: str,
    day: date,
    as_of: datetime,
    calendar: Calendar | None = None,
) -> DiscoveryReport | None:
    """Report a search on a business day from the dataset; None for a workflow that cannot learn, or without a window.

    Includes a search on the fixed beat, with the model it would use and the checks of its beat.

    Raises:
        Unavailable
    """
    search = search_of(configuration, workflow, day)
    # Checked before any query of the dataset, which costs money.
    if search is None or cannot_learn(configuration, workflow):
        return None
    first = search.game_date - timedelta(days=HISTORY_DAYS)
    scraper = searched_scraper(configuration, workflow)
    facts = read_looks(warehouse, environment, [scraper], first, search.game_date, failures=True)
    rows = warehouse.query(
        _FOLLOWED,
        {
            "first_partition": day - timedelta(days=1),
            "last_partition": day + timedelta(days=2),
            "workflow": workflow,
            "game_date": search.game_date,
            "environment": environment,
            "as_of": as_of,
        },
    )
    # The plan in the decision's context counts: a new fit may differ, as rows about older days can come late.
    followed = json.loads(rows[0]["discovery"]) if rows else None
    return build_report(configuration, workflow, day, facts, as_of, followed, calendar)


def build_report(
    configuration: Configuration,
    workflow: str,
    day: date,
    facts: Sequence[ExecutionFact],
    as_of: datetime,
    followed: Mapping[str, Any] | None = None,
    calendar: Calendar | None = None,
) -> DiscoveryReport | None:
    """Describe a search on a day. Pure.

    facts: executions of its scraper over the whole history. followed: the plan in the context of the day's newest
    decision; its checks are shown rather than those of a new plan.
    """
    bounds = window_of(configuration, workflow, day)
    if bounds is None or cannot_learn(configuration, workflow):
        return None
    plan = plans_from(configuration, facts, [day], as_of, [workflow], calendar)[workflow, day]
    strategy = configuration.workflows[workflow].discovery.strategy
    own = sorted(
        (fact for fact in facts if fact.game_date == plan.game_date and fact.triggered_at <= as_of),
        key=lambda fact: fact.triggered_at,
    )
    found_at = next((fact.triggered_at for fact in own if fact.counts), None)
    return DiscoveryReport(
        workflow=workflow,
        strategy=strategy,
        day=day,
        game_date=plan.game_date,
        as_of=as_of,
        opens=bounds[0],
        closes=bounds[1],
        plan=plan,
        followed_model=followed.get("model") if followed and followed.get("strategy") == "learned" else None,
        early=plan.model.early if plan.model else 0.0,
        never=plan.model.never if plan.model else 0.0,
        curve=tuple(_curve(plan)),
        days=tuple(
            ObservedDay(game_date=it.game_date, after_minute=it.after, before_minute=it.before)
            for it in plan.history
        ),
        checks=tuple(_checks(configuration, plan, strategy, followed, own, found_at, as_of)),
        found_at=found_at,
    )


def _curve(plan: DiscoveryPlan) -> Iterator[CurveBin]:
    if plan.model is None:
        return
    width, by = plan.model.bin_minutes, plan.model.early
    for number, mass in enumerate(plan.model.masses):
        by += mass
        yield CurveBin(
            starts=plan.opens + number * width * _MINUTE,
            ends=min(plan.closes, plan.opens + (number + 1) * width * _MINUTE),
            probability=mass,
            published_by=round(min(1.0, by), 6),
        )


def _checks(
    configuration: Configuration,
    plan: DiscoveryPlan,
    strategy: Strategy,
    followed: Mapping[str, Any] | None,
    own: Sequence[ExecutionFact],
    found_at: datetime | None,
    as_of: datetime,
) -> Iterator[DayCheck]:
    planned = {plan.at(check): check for check in plan.checks}
    instants = _instants(configuration, plan, strategy, followed)
    for number, at in enumerate(instants):
        until = instants[number + 1] if number + 1 < len(instants) else at + _SAME_CHECK
        executions = [fact for fact in own if at <= fact.triggered_at < until]
        # Before the executions are checked: a refresh may have run at that time.
        if found_at is not None and found_at < at:
            state = CheckState.NOT_NEEDED
        elif answered := next((fact for fact in executions if fact.status is not Status.FAILED), None):
            state = CheckState.FOUND if answered.counts else CheckState.IN_VAIN
        elif executions:
            # The check was made: a broken source differs from a missed check.
            state = CheckState.FAILED
        else:
            # A check is not missed at its own instant: its execution may still be on the way.
            state = CheckState.PLANNED if as_of < min(until, at + _SAME_CHECK) else CheckState.NOT_MADE
        check = planned.get(at) if strategy is Strategy.LEARNED else None
        yield DayCheck(
            at=at,
            purpose=check.purpose if check else None,
            probability=check.probability if check else None,
            state=state,
        )


def _instants(
    configuration: Configuration,
    plan: DiscoveryPlan,
    strategy: Strategy,
    followed: Mapping[str, Any] | None,
) -> list[datetime]:
    """Return the day's checks: those named by its decisions, else those of the plan, else those of the beat."""
    learned = strategy is Strategy.LEARNED and plan.learned
    if followed is not None:
        if checks := followed.get("checks"):
            return [datetime.fromisoformat(check) for check in checks]
        # The decisions name no checks, so the day ran on the beat, even if the plan has checks.
        learned = False
    if learned:
        return [plan.at(check) for check in plan.checks]
    schedule = configuration.workflows[plan.workflow].schedule
    return list(schedule.beat(plan.opens, plan.closes)) if isinstance(schedule, Discovery) else []
