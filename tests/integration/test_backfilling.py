"""`tipoff backfill` beside a running stack: interrupted and resumed, it requests each date once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from stack_harness import BACKFILLED, INJURIES, PATIENCE_SECONDS, Driver, last_report, until
from tests.support.seasons import write_season

from tipoff_common.identity import manual_occurrence_id
from tipoff_dev.stack.layout import DEMO_WORKFLOWS
from tipoff_planning.plans import MAX_LOW_IN_FLIGHT

WORKFLOW = "injury_discovery"
DATES = BACKFILLED
"""More dates than may be in flight at once."""


def _tipoff(driver: Driver, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, **driver.command_environment}
    command = [sys.executable, "-m", "tipoff_cli", "backfill", *arguments]
    return subprocess.Popen(  # our own interpreter and command
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _requested_dates(driver: Driver) -> int:
    """Return how many of the dates have a request under the backfill's ids: each run's log begins with them."""
    logs = [
        f"controller/occurrences/{day}/"
        f"{manual_occurrence_id(WORKFLOW, f'backfill:nightly:{INJURIES}:{day}')}/000000.json"
        for day in DATES
    ]
    return sum(any(True for _ in driver.stack.state.list(prefix)) for prefix in logs)


def test_interrupted_and_resumed_backfill_fetches_each_date_once(embedded: Driver, tmp_path: Path) -> None:
    fetched = {day: embedded.request_count(last_report(day)) for day in DATES}
    span = ("--from", str(DATES[0]), "--to", str(DATES[-1]), "--name", "nightly")
    files = ("--schedule", str(write_season(tmp_path)), "--workflows", str(DEMO_WORKFLOWS))
    arguments = (INJURIES, *span, *files)

    with embedded.paused("scraper-runner"):
        first = _tipoff(embedded, *arguments)
        try:
            until(
                lambda: _requested_dates(embedded) == MAX_LOW_IN_FLIGHT,
                f"{MAX_LOW_IN_FLIGHT} dates are asked for",
            )
            first.send_signal(signal.SIGINT)
            output, errors = first.communicate(timeout=PATIENCE_SECONDS)
        finally:
            first.kill()
        assert first.returncode == 130, errors
        assert _requested_dates(embedded) == MAX_LOW_IN_FLIGHT, "no more than may be under way at once"
    assert f"interrupted: 0 of {len(DATES)} runs have ended" in errors
    assert f"tipoff backfill {' '.join(arguments)}" in errors
    # The table has it in its heading too.
    assert output.count("not requested") == len(DATES) - MAX_LOW_IN_FLIGHT + 1

    answer = json.loads(embedded.tipoff("backfill", *arguments, "--json"))
    assert [(item["date"], item["success"], item["complete"]) for item in answer["dates"]] == [
        (str(day), 1, True) for day in DATES
    ]
    assert {day: embedded.request_count(last_report(day)) - fetched[day] for day in DATES} == dict.fromkeys(
        DATES, 1
    )
    occurrences = [name for item in answer["dates"] for name in item["occurrences"]]
    sql = """
        SELECT occurrence_id, game_date, source, status FROM nba_orchestration.v_executions
        WHERE occurrence_id IN UNNEST(@occurrences) ORDER BY game_date
    """
    rows = until(
        lambda: len(found := embedded.rows(sql, occurrences=occurrences)) >= len(DATES) and found,
        "an execution a date",
    )
    assert [(row["game_date"], row["source"], row["status"]) for row in rows] == [
        (day, "MANUAL", "success") for day in DATES
    ]
