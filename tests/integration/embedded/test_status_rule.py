"""The status rule of expected_vs_actual in its three implementations, which have to agree on every occurrence.

They are the dataset's function, which decides, and the Python copies in the simulator and the controller's tests.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.support.controller import status_of
from tests.support.dataset_rows import DAY, ELEVEN, HOUR, MINUTE, scheduled
from tests.support.dataset_rows import decided as decided_row
from tests.support.samples import decided as decided_event
from tests.support.samples import locked

from tipoff_common.events import Action, ExpectedRun, WorkflowDecided
from tipoff_planning.reasons import Reason
from tipoff_simulator.engine import OccurrenceDecisions
from tipoff_simulator.outcomes import FinalStatus, run_status

if TYPE_CHECKING:
    from conftest import Dataset

    Cases = dict[str, tuple[ExpectedRun, list[WorkflowDecided]]]

OCCURRENCES = 400
GAP = HOUR + 30 * MINUTE
"""From the expected time to the deadline."""
EDGES = [
    timedelta(seconds=seconds) for minutes in (-60, -1, 0, 29, 30, 31, 89, 90, 91, 120)
    for seconds in (minutes * 60 - 1, minutes * 60, minutes * 60 + 1)
]  # fmt: skip


@pytest.fixture(scope="module")
def cases(dataset: Dataset) -> Cases:
    """Occurrences with decisions at and beside every instant that the rule compares with; a seed fixes all of them."""
    luck, made, rows, decisions = Random(20), {}, [], []  # noqa: S311  # luck, not a secret
    (sample, _) = locked().runs
    for number in range(OCCURRENCES):
        name, state = f"o{number:03}", luck.choices(["EXPECTED", "ADDED", "CANCELLED"], [8, 2, 1])[0]
        at = ELEVEN + number % 7 * HOUR
        run = {"occurrence_id": name, "state": state, "expected_run_time": at, "deadline": at + GAP}
        rows.append(scheduled(name, at, state=state, deadline=(at + GAP).isoformat()))
        own = []
        for instant in sorted(at + offset for offset in luck.sample(EDGES, luck.randrange(5))):
            action = luck.choices(list(Action), [2, 5, 1])[0]
            code = Reason.DUE if action is Action.RUN else luck.choice(list(Reason))
            decisions.append(decided_row(name, instant, action, code))
            own.append(
                decided_event(
                    decision_id=f"{name}-{instant:%Y%m%dT%H%M%S}",
                    occurrence_id=name,
                    decision_time=instant,
                    action=action,
                    reason_code=code,
                )
            )
        made[name] = (ExpectedRun.model_validate({**sample.model_dump(), **run}), own)
    dataset.insert("daily_expected_schedule", *rows)
    dataset.insert("workflow_decisions", *decisions)
    return made


def statuses(dataset: Dataset, as_of: datetime) -> dict[str, str]:
    rows = dataset.query(
        "SELECT occurrence_id, status FROM nba_orchestration.expected_vs_actual(@as_of, @day)",
        {"as_of": "TIMESTAMP", "day": "DATE"},
        as_of=as_of,
        day=date(2026, 1, 15),
    )
    return {row["occurrence_id"]: row["status"] for row in rows}


def test_simulator_status_matches_dataset_status(dataset: Dataset, cases: Cases) -> None:
    judged: dict[str, str] = {}
    for name, (run, decisions) in cases.items():
        known = OccurrenceDecisions()
        for item in decisions:
            if item.action is Action.RUN or item.decision_time >= run.expected_run_time:
                known.note(item.decision_time, item.action, Reason(item.reason_code))
        judged[name] = run_status(run, known if decisions else None).value
    assert judged == statuses(dataset, ELEVEN + DAY)
    assert set(judged.values()) == set(FinalStatus)


@pytest.mark.parametrize("after", [2 * HOUR, 3 * HOUR + 30 * MINUTE, 4 * HOUR], ids=str)
def test_controller_helper_status_matches_dataset_status(
    dataset: Dataset, cases: Cases, after: timedelta
) -> None:
    as_of = ELEVEN + after
    judged = {name: status_of(run, decisions, as_of) for name, (run, decisions) in cases.items()}
    assert judged == statuses(dataset, as_of)
    assert {"PENDING", "TOO_EARLY", "SKIPPED_OK", "CANCELLED"} <= set(judged.values())
