"""Explanation why a workflow would run at an instant, or not: the decision core's own decisions, each with its
conditions."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from tipoff_common.clock import business_date, fleet_clock, fleet_zone, readable
from tipoff_common.events import PauseTarget, Source
from tipoff_common.outcomes import Status
from tipoff_common.words import pluralize
from tipoff_planning.calendar import Calendar
from tipoff_planning.context import EvaluationContext
from tipoff_planning.decision import Decision, DecisionInputs
from tipoff_planning.decisions import considered, decide, explaining_pause
from tipoff_planning.discovery.plans import NO_PLANS, DiscoveryPlans
from tipoff_planning.history import ExecutionFact, History, Outputs
from tipoff_planning.occurrences import Occurrence, game_date_of, games_of, occurrences
from tipoff_planning.outstanding import find_outstanding
from tipoff_planning.pauses import NO_PAUSES, Pause, Pauses
from tipoff_planning.plans import OutputOf, Plan, PlannedStep, Unit, freeze, units
from tipoff_planning.progress import State
from tipoff_planning.reasons import Reason
from tipoff_planning.schedules import Discovery, PerGame
from tipoff_planning.workflows import Configuration


@dataclass(frozen=True)
class RunCondition:
    """One condition of a run, and whether it is met."""

    name: str
    met: bool
    detail: str


@dataclass(frozen=True)
class Explanation:
    """The conditions of the whole workflow, and each decision with its own conditions."""

    workflow: str
    at: datetime
    general: tuple[RunCondition, ...]
    decisions: tuple[tuple[Decision, tuple[RunCondition, ...]], ...]


def explain_workflow(
    workflow: str,
    at: datetime,
    configuration: Configuration,
    calendar: Calendar | None,
    executions: Iterable[ExecutionFact] = (),
    discovery: DiscoveryPlans = NO_PLANS,
    locked: Mapping[date, Container[str]] = {},
    pauses: Pauses = NO_PAUSES,
) -> Explanation:
    """Explain the decisions about a workflow at an instant, with every condition.

    executions: the known executions; those later than `at` do not count. discovery: the plans of the days around `at`,
    for a learned search. locked: occurrence ids in the schedules of the days around `at`; a window missing from them
    ended before any schedule expected it. pauses: the pauses by people around `at`.
    """
    history = History({fact.request_id: fact for fact in executions if fact.triggered_at <= at})
    inputs = DecisionInputs(
        configuration, calendar, history, at, discovery=discovery, locked=locked, pauses=pauses
    )
    # In two steps: the plans of occurrences decided before are derived from the inputs without plans.
    begun = _plans(workflow, inputs)
    outputs = _outputs(begun.values(), history)
    inputs = replace(inputs, plans=begun, agenda=inputs.expected, outputs=outputs)
    decisions = [
        _with_unknown_units(item, inputs) for item in decide(inputs) if item.occurrence.workflow == workflow
    ]
    return Explanation(
        workflow,
        at,
        (
            *_pauses(workflow, inputs),
            *_past_pauses(workflow, inputs),
            *_paused_sources(workflow, inputs),
            *_about_games(workflow, inputs),
            *_failing_sources(workflow, inputs),
        ),
        tuple((item, tuple(_occurrence_conditions(item, inputs))) for item in decisions),
    )


def _plans(workflow: str, inputs: DecisionInputs) -> dict[str, Plan]:
    """Reconstruct the frozen plans of occurrences with executions, from the history at the time each became due.
    Includes ended occurrences, whose decision depends on the plan as well: failed, or found nothing.
    """
    history, configuration = inputs.history, inputs.configuration
    # A plan holds no environment.
    context = EvaluationContext(inputs.now, inputs.now, inputs.now, "tick", Source.CONTROLLER, environment="")
    plans = {}
    for item in considered(configuration, inputs.expected, inputs.now):
        if item.workflow != workflow:
            continue
        before = {key: fact for key, fact in history.executions.items() if fact.triggered_at < item.expected}
        plan = freeze(
            item, configuration, context, find_outstanding(item, configuration, History(before)).steps
        )
        # An execution under one of the plan's request ids shows that this plan was frozen; without one the occurrence
        # was not decided yet.
        if any(request in history.executions for request in _first_requests(plan)):
            plans[item.id] = plan
    return plans


def _first_requests(plan: Plan) -> Iterable[str]:
    for step in plan.steps:
        # A fan-out over a parent's output has no request ids until the parent is done.
        if isinstance(step.fan_out, tuple):
            for unit in units(step, step.fan_out):
                yield unit.request_id(plan.occurrence_id, 1)


def _outputs(plans: Iterable[Plan], history: History) -> Outputs:
    """Derive the fan-out values in the outputs of parents from the results of their children, as the dataset does not
    record the values. A value without a result stays unknown."""
    outputs: dict[str, dict[str, tuple[str, ...]]] = {}
    for plan in plans:
        known: dict[str, Iterable[Unit]] = {}
        for step in plan.steps:
            if isinstance(step.fan_out, tuple):
                known[step.name] = list(units(step, step.fan_out))
                continue
            known[step.name] = children = _units_with_result(step, plan, history)
            values = (unit.parameters[step.fan_out_parameter or ""] for unit in children)
            requests = (
                unit.request_id(plan.occurrence_id, attempt)
                for unit in known[step.fan_out.step]
                for attempt in range(1, plan.max_retries + 2)
            )
            # The progress of a plan unites the values of all requests of a parent, so any success may hold them.
            for request in requests:
                fact = history.executions.get(request)
                if fact is not None and fact.status is Status.SUCCESS:
                    named = outputs.setdefault(request, {})
                    # Several steps may fan out over one key.
                    named[step.fan_out.key] = tuple(
                        dict.fromkeys((*named.get(step.fan_out.key, ()), *values))
                    )
                    break
    return outputs


def _units_with_result(step: PlannedStep, plan: Plan, history: History) -> list[Unit]:
    # A subject joins the values of several parameters with "&".
    values = {
        value
        for fact in history.executions.values()
        if fact.scraper == step.scraper and fact.game_date == plan.game_date
        for value in (fact.subject, *fact.subject.split("&"))
    }
    # The request id excludes other parameters' values, and the values of other occurrences.
    return [
        unit
        for unit in units(step, sorted(values))
        if unit.request_id(plan.occurrence_id, 1) in history.executions
    ]


def _with_unknown_units(decision: Decision, inputs: DecisionInputs) -> Decision:
    """Replace "everything was collected" where a fan-out over a parent's output has no result yet."""
    standing = inputs.standing(decision.occurrence.id)
    if decision.code is not Reason.ALREADY_FOUND or standing is None:
        return decision
    with_result = {status.unit.step for status in standing.units()}
    # Parents before children: the first step without a result explains those below it.
    for step in standing.plan.steps:
        if isinstance(step.fan_out, OutputOf) and step.name not in with_result:
            parent = step.fan_out.step
            sentence = f"{step.name} has no result yet, or {parent} named nothing to request it for."
            return replace(decision, code=Reason.UNDER_WAY, sentence=sentence)
    return decision


def _pauses(workflow: str, inputs: DecisionInputs) -> Iterable[RunCondition]:
    """Name each pause in force that holds back the workflow or one of its scrapers."""
    configuration, now = inputs.configuration, inputs.now
    scrapers = (step.scraper for step in configuration.workflows[workflow].plan.values())
    workflow_pause = inputs.pauses.of_workflow(workflow, now)
    for pause in filter(None, (workflow_pause, *inputs.pauses.of_scrapers(scrapers, now).values())):
        state = "paused" if pause is workflow_pause else f"{pause.name} is paused"
        until = _when(pause.until, configuration.zone_of(workflow))
        yield RunCondition("pause", False, f"{state} by {pause.by} until {until}: {pause.why}")


def _past_pauses(workflow: str, inputs: DecisionInputs) -> Iterable[RunCondition]:
    """Name each pause that is over and explains why an ended occurrence of today is incomplete."""
    configuration, now = inputs.configuration, inputs.now
    found: list[Pause] = []
    for item in considered(configuration, inputs.expected, now):
        if item.workflow != workflow or now < item.deadline:
            continue
        outstanding = find_outstanding(item, configuration, inputs.history)
        scrapers = outstanding.scrapers(configuration.workflows[workflow])
        since = {
            it.scraper
            for it in inputs.history.executions.values()
            if it.counts and it.game_date == item.game_date and it.triggered_at >= item.expected
        }
        # The decision about an occurrence that a pause explains is silent, so only this condition names the pause.
        if not outstanding.found and not since.issuperset(scrapers):
            found += filter(None, [explaining_pause(item, scrapers, inputs)])
    zone = configuration.zone_of(workflow)
    for pause in dict.fromkeys(it for it in found if not it.stands(now)):
        statement = "was paused" if pause.target is PauseTarget.WORKFLOW else f"{pause.name} was paused"
        stretch = f"from {_when(pause.since, zone)} until {_when(pause.over_at, zone)}"
        yield RunCondition("pause", False, f"{statement} by {pause.by} {stretch}: {pause.why}")


def _paused_sources(workflow: str, inputs: DecisionInputs) -> Iterable[RunCondition]:
    """Name each scraper of the workflow whose source demanded a pause that is not over."""
    for scraper in dict.fromkeys(
        step.scraper for step in inputs.configuration.workflows[workflow].plan.values()
    ):
        if (until := inputs.paused_until(scraper)) is not None:
            when = _when(until, inputs.configuration.zone_of(workflow))
            yield RunCondition("pause", False, f"the source of {scraper} demanded a pause until {when}")


def _failing_sources(workflow: str, inputs: DecisionInputs) -> Iterable[RunCondition]:
    """Name each scraper of the workflow whose last execution failed, with the error: broken differs from late."""
    for scraper in dict.fromkeys(
        step.scraper for step in inputs.configuration.workflows[workflow].plan.values()
    ):
        executions = [it for it in _without_local(inputs) if it.scraper == scraper]
        executions.sort(key=lambda it: it.triggered_at, reverse=True)
        # Only the newest failures in a row: an earlier failure was resolved by a later success.
        failures = list(takewhile(lambda it: it.status is Status.FAILED, executions))
        if not failures:
            continue
        times = pluralize(len(failures), "failure")
        error = ": ".join(filter(None, (str(failures[0].kind or ""), failures[0].message)))
        since = _when(failures[-1].triggered_at, inputs.configuration.zone_of(workflow))
        detail = f"{scraper} has been failing since {since} ({times}), most recently {error or 'unknown'}"
        yield RunCondition("source", False, detail)


def _without_local(inputs: DecisionInputs) -> Iterable[ExecutionFact]:
    """Yield the executions of the stack: a local run or a reparse is no request to the source by the fleet."""
    return (it for it in inputs.history.executions.values() if it.source is not Source.LOCAL)


def _about_games(workflow: str, inputs: DecisionInputs) -> Iterable[RunCondition]:
    configuration, calendar, now = inputs.configuration, inputs.calendar, inputs.now
    if workflow not in configuration.needing_games:
        return  # decisions about this workflow do not depend on games
    if calendar is None:
        yield RunCondition("calendar", False, "no schedule of games has landed yet")
    else:
        age, limit = calendar.age(now), configuration.file.calendar.stale_after
        detail = f"fetched {_length(age)} before, old after {_length(limit)}"
        # A past instant is explained with a later calendar, so "fetched 3 h before" would be wrong.
        if age < timedelta():
            detail = (
                f"fetched {_length(-age)} afterwards: the games as known then, not at the explained instant"
            )
        yield RunCondition("calendar", not inputs.calendar_is_stale, detail)
    game_date = game_date_of(
        configuration.workflows[workflow].schedule, business_date(now, configuration.zone_of(workflow))
    )
    count = len(games_of(configuration, calendar, game_date))
    uncovered = calendar.uncovered(game_date) if calendar else None
    yield RunCondition("games", count > 0, uncovered or f"{pluralize(count, 'game')} on {game_date}")


def _occurrence_conditions(decision: Decision, inputs: DecisionInputs) -> Iterable[RunCondition]:
    item, now = decision.occurrence, inputs.now
    zone = inputs.configuration.zone_of(item.workflow)
    if not item.expected <= now < item.deadline:
        yield RunCondition("window", False, _not_due(item, now, zone))
        return
    yield RunCondition(
        "window",
        True,
        f"due from {_when(item.expected, zone)} until {_when(item.deadline, zone)}: {item.reason}",
    )
    workflow = inputs.configuration.workflows[item.workflow]
    if isinstance(workflow.schedule, Discovery | PerGame):
        outstanding = find_outstanding(item, inputs.configuration, inputs.history)
        found = f"everything for {item.game_date} was found"
        if outstanding.last_found is not None:
            found += f", last at {_when(outstanding.last_found, zone)}"
        wanting = (
            f"not found yet: {', '.join(outstanding.scrapers(workflow))}{_newest_unsuccessful(item, inputs)}"
        )
        if outstanding.missing:
            wanting = f"found without {', '.join(outstanding.missing)}"
        again = outstanding.found and outstanding.refresh_due(item, workflow)
        detail = f"{found}; a later version is due" if again else found if outstanding.found else wanting
        yield RunCondition("history", not outstanding.found or again, detail)
    else:
        detail = f"{workflow.schedule.kind} runs even if data was found before"
        yield RunCondition("history", True, detail + _newest_unsuccessful(item, inputs))
    yield from _attempts(item, inputs)


def _newest_unsuccessful(item: Occurrence, inputs: DecisionInputs) -> str:
    """Describe the newest unsuccessful execution of its scrapers; empty if successes followed all of them."""
    scrapers = {step.scraper for step in inputs.configuration.workflows[item.workflow].plan.values()}
    newest: dict[tuple[str, str], ExecutionFact] = {}
    for it in sorted(_without_local(inputs), key=lambda it: (it.triggered_at, it.request_id)):
        if it.scraper in scrapers and it.game_date == item.game_date:
            newest[it.scraper, it.subject] = it
    unsuccessful = [it for it in newest.values() if it.status is not Status.SUCCESS]
    if not unsuccessful:
        return ""
    last = max(unsuccessful, key=lambda it: (it.triggered_at, it.request_id))
    at = _when(last.triggered_at, inputs.configuration.zone_of(item.workflow))
    text = last.message or "no data"
    if last.status is Status.FAILED:
        text = ": ".join(filter(None, ("failed", str(last.kind or ""), last.message)))
    return f"; last requested at {at}: {text}"


def _attempts(item: Occurrence, inputs: DecisionInputs) -> Iterable[RunCondition]:
    """Yield the condition of the retry budget with the slot's position, and the state of the slot's own requests."""
    configuration, workflow = inputs.configuration, inputs.configuration.workflows[item.workflow]
    siblings = [
        other.id
        for other in occurrences(configuration, inputs.calendar, item.day, inputs.discovery)
        # Slots of the same role: slots for later versions are counted separately.
        if (other.workflow, other.subject, other.role) == (item.workflow, item.subject, item.role)
    ]
    slot = (
        f"slot {siblings.index(item.id) + 1} of {len(siblings)}, counting unused ones"
        if item.id in siblings
        else "no other slot"
    )
    # The first retry follows at once; further retries are spread over the rest of the window (retry_at).
    until = _when(item.deadline, configuration.zone_of(item.workflow))
    retries = {0: "no retry", 1: "1 retry at once"}.get(
        workflow.max_retries,
        f"{workflow.max_retries} retries, the first at once and the last before {until},",
    )
    detail = f"{slot}; {retries} of a transient failure"
    standing = inputs.standing(item.id)
    states = set(standing.counts) if standing else set()
    # The budget is used up only if a unit is given up, not if its requests were successful.
    yield RunCondition("budget", State.GIVEN_UP not in states, detail)
    if standing is None:
        return
    reached = ", ".join(sorted(state.value.replace("_", " ") for state in states))
    due = bool(standing.due(inputs.now))
    again = (
        f"; again from {_when(retry, configuration.zone_of(item.workflow))} on"
        if (retry := standing.next_retry()) and retry > inputs.now
        else ""
    )
    yield RunCondition("attempt", due, f"its own requests: {reached}{again}")


def _not_due(item: Occurrence, now: datetime, zone: ZoneInfo) -> str:
    if now < item.expected:
        return f"not before {_when(item.expected, zone)}: {item.reason}"
    if item.deadline > item.expected:
        return f"closed since {_when(item.deadline, zone)}: {item.reason}"
    return "nothing is expected today or tomorrow"


def _when(moment: datetime, zone: ZoneInfo) -> str:
    """Format an instant in a workflow's zone, with its short name if it is not the fleet's or changes that day."""
    return fleet_clock(moment, "%Y-%m-%d %H:%M") if zone == fleet_zone() else readable(moment, zone)


def _length(stretch: timedelta) -> str:
    """Format a duration in days or hours from two of them on, else in minutes."""
    for unit, size in (("days", timedelta(days=1)), ("h", timedelta(hours=1))):
        if stretch >= 2 * size:
            return f"{stretch / size:.0f} {unit}"
    return f"{stretch // timedelta(minutes=1)} min"
