"""The results of a backfill, date by date."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from tipoff_cli.commands.backfill.plan import Backfill, Day
from tipoff_cli.commands.backfill.submission import RunOutcome
from tipoff_planning.manual_runs import UnitProgress
from tipoff_planning.progress import State

_NEVER = RunOutcome(None, "not requested")


@dataclass(frozen=True)
class DayResult:
    """The results of one date, as counts of requests; a retried request counts once."""

    date: date
    games: int | None
    success: int
    no_data: int
    failed: int
    unanswered: int
    """Requests without a final result, also those that failed and will be retried."""
    not_asked: int
    """Requests of runs that certainly never reached the controller, and requests that an earlier run under the key
    lacks."""
    complete: bool
    """Whether nothing is missing."""
    occurrences: tuple[str, ...]
    """Ids of the runs' occurrences, for `tipoff trace`."""
    notes: tuple[str, ...]
    """Remarks, one sentence each."""


def day_results(backfill: Backfill, outcomes: Mapping[str, RunOutcome]) -> list[DayResult]:
    """Sum up each day of the backfill."""
    return [_day(day, outcomes) for day in backfill.days]


def _day(day: Day, outcomes: Mapping[str, RunOutcome]) -> DayResult:
    states: Counter[State] = Counter()
    notes: list[str] = [day.without] if day.without else []
    unanswered, not_asked, occurrences = 0, 0, []
    for run in day.runs:
        outcome = outcomes.get(run.key, _NEVER)
        # Runs never requested share one note a day: without the game, their texts are equal and fold below.
        about = f"{run.body.game_id}: " if run.body.game_id and outcome is not _NEVER else ""
        if outcome.trouble:
            notes.append(f"{about}{outcome.trouble}")
        not_asked += outcome.not_asked
        if outcome.progress is None:
            not_asked += run.requests
            continue
        found = outcome.progress
        occurrences.append(found.occurrence_id)
        states.update(unit.state for unit in found.units)
        if not found.settled:
            # The units of a fan-out are unknown until its parent has ended; the plan counted their requests.
            unanswered += max(0, run.requests - len(found.units))
        notes += [f"{about}{note}" for note in map(_note, found.units) if note]
        notes += [f"{about}{step} is not requested: {reason}" for step, reason in found.skipped.items()]
    return DayResult(
        date=day.date,
        games=day.games,
        success=states[State.SUCCESS],
        no_data=states[State.NO_DATA],
        failed=states[State.GIVEN_UP],
        unanswered=unanswered + sum(count for state, count in states.items() if not state.settled),
        not_asked=not_asked,
        complete=all(run.key in outcomes and outcomes[run.key].complete for run in day.runs),
        occurrences=tuple(occurrences),
        notes=tuple(dict.fromkeys(notes)),
    )


def _note(unit: UnitProgress) -> str | None:
    """Say why a request found nothing, in the source's words; None where there is nothing to say."""
    if unit.kind is not None:
        return ": ".join(filter(None, (f"{unit.scraper} failed", unit.kind.value, unit.message)))
    if unit.state is State.NO_DATA and unit.message:
        return f"{unit.scraper} no_data: {unit.message}"
    return None
