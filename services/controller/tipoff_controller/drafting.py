"""Decisions and expectations as events: pure, from the decision core's types to the contracts."""

from collections.abc import Iterable
from datetime import date, datetime

from tipoff_common import __version__
from tipoff_common.events import (
    ExpectedRun,
    ScheduleLocked,
    ScheduleState,
    ScrapeRequested,
    Source,
    WorkflowDecided,
)
from tipoff_common.identity import decision_id, schedule_row_id, short_hash
from tipoff_controller.decisions import Decision
from tipoff_controller.ledger import Decided
from tipoff_controller.occurrences import Occurrence
from tipoff_controller.plans import MAIN_STEP
from tipoff_controller.workflows import Configuration


def draft_decided(
    decisions: Iterable[Decision],
    configuration: Configuration,
    *,
    environment: str,
    tick: datetime,
    decided_at: datetime,
    requested_at: datetime,
    triggered_by: str,
    source: Source,
    event_time: datetime | None,
) -> Decided:
    """The decisions of one tick and the requests they make."""
    events: list[WorkflowDecided] = []
    requests: list[ScrapeRequested] = []
    for decision in decisions:
        occurrence = decision.occurrence
        workflow = configuration.workflows[occurrence.workflow]
        event = WorkflowDecided(
            decision_id=decision_id(occurrence.id, tick),
            occurrence_id=occurrence.id,
            workflow_name=occurrence.workflow,
            game_date=occurrence.game_date,
            decision_time=decided_at,
            action=decision.action,
            reason_code=decision.code.value,
            reason=decision.sentence,
            context=decision.context,
            scrapers_triggered=tuple(state.unit.scraper for state in decision.todo),
            target_games=occurrence.games if decision.todo else (),
            next_check_time=decision.next_check,
            priority=workflow.priority,
            alert_level=decision.alert_level,
            config_hash=configuration.hash,
            controller_version=__version__,
            environment=environment,
            triggered_by=triggered_by,
        )
        events.append(event)
        requests.extend(
            ScrapeRequested(
                request_id=state.unit.request_id(occurrence.id, state.attempt),
                occurrence_id=occurrence.id,
                decision_id=event.decision_id,
                workflow=occurrence.workflow,
                step=MAIN_STEP,
                scraper=state.unit.scraper,
                game_date=occurrence.game_date,
                parameters=state.unit.parameters,
                attempt=state.attempt,
                source=source,
                priority=workflow.priority,
                triggered_by=triggered_by,
                config_hash=configuration.hash,
                requested_at=requested_at,
                event_time=event_time,
            )
            for state in decision.todo
        )
    return Decided(decisions=tuple(events), requests=tuple(requests))


def draft_schedule(
    expected: Iterable[Occurrence],
    configuration: Configuration,
    *,
    day: date,
    games_today: int | None,
    environment: str,
    locked_at: datetime,
) -> ScheduleLocked:
    """The day's expectation. Its version is a function of the configuration and of what is expected."""
    occurrences = tuple(expected)
    version = short_hash("\n".join([configuration.hash, *(item.id for item in occurrences)]).encode())
    return ScheduleLocked(
        date=day,
        locked_at=locked_at,
        schedule_version=version,
        games_today=games_today,
        runs=tuple(
            ExpectedRun(
                schedule_row_id=schedule_row_id(item.id, version, ScheduleState.EXPECTED),
                occurrence_id=item.id,
                workflow_name=item.workflow,
                game_date=item.game_date,
                subject=item.subject,
                expected_run_time=item.expected,
                deadline=item.deadline,
                state=ScheduleState.EXPECTED,
                reason=item.reason,
                scrapers=tuple(step.scraper for step in configuration.workflows[item.workflow].steps),
                priority=configuration.workflows[item.workflow].priority,
            )
            for item in occurrences
        ),
        config_hash=configuration.hash,
        generated_by="controller",
        environment=environment,
    )
