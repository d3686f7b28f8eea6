"""A learning search, on a stack with a history in its dataset: planned, checked, found, explained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from stack_harness import EMBEDDED, INJURIES, Driver, at
from tests.support.samples import executed

from tipoff_cli.checkout import TICKS
from tipoff_common.events import Event, Tick, TickFired
from tipoff_dev.stack.layout import DEMO_WORKFLOWS, Layout
from tipoff_dev.stack.stack import running_stack
from tipoff_dev.tour.loading import append_events
from tipoff_planning.discovery.plans import DiscoveryPlan

SEARCH = "injury_discovery"
DAY = date(2025, 1, 15)
"""Its first report is out at 12:40, as the history of the days before predicts."""


@pytest.fixture
def learning(tmp_path: Path) -> Iterator[Driver]:
    workflows = yaml.safe_load(DEMO_WORKFLOWS.read_text(encoding="utf-8"))
    workflows["workflows"][SEARCH]["schedule"]["every"] = "30m"
    workflows["workflows"][SEARCH]["discovery"] = {"strategy": "learned"}
    ticks = yaml.safe_load(TICKS.read_text(encoding="utf-8"))
    ticks["ticks"]["discover"] = {"description": "Look.", "every_minutes": 5, "cadence_minutes": 5}
    for name, content in (("workflows", workflows), ("ticks", ticks)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    layout = Layout.on_free_ports(event_time=True, workflows_file=tmp_path / "workflows.yaml")
    with running_stack(replace(layout, ticks_file=tmp_path / "ticks.yaml"), tmp_path / "stack") as stack:
        yield Driver(stack, EMBEDDED)


def looked(day: date, moment: datetime, found: bool) -> Event:
    name = f"{day}-{moment:%H%M}"
    outcome = (
        {"status": "success", "record_count": 30, "gcs_path": f"gs://data/{name}.json"}
        if found
        else {"status": "no_data", "reason": "not published yet"}
    )
    return executed(
        execution_id=name,
        request_id=name,
        scraper_name=INJURIES,
        game_date=day,
        outcome=outcome,
        data_summary={"record_count": 30 if found else 0},
        triggered_at=moment,
        completed_at=moment + timedelta(seconds=2),
    )


def history(days: int) -> Iterator[Event]:
    """Return checks every half hour of a report that is out at 12:40."""
    for number in range(1, days + 1):
        day = DAY - timedelta(days=number)
        for minutes in range(0, 121, 30):
            yield looked(day, at(day, 11) + timedelta(minutes=minutes), found=minutes == 120)


def discover(driver: Driver, moment: datetime) -> None:
    tick = TickFired(tick=Tick.DISCOVER, cadence_minutes=5, event_time=moment)
    driver.stack.publisher.publish([tick])
    driver.settle()


def test_learned_search_checks_at_planned_times_and_is_explained(learning: Driver) -> None:
    append_events(learning.stack.warehouse, history(20))
    learning.tick(Tick.EVALUATE, DAY, 5)
    learning.settle()
    learning.tick(Tick.LOCK_SCHEDULE, DAY, 5)
    learning.settle()

    stored = learning.stack.state.get(f"controller/discovery/{DAY}/{SEARCH}.json")
    assert stored is not None, "the lock of the schedule writes the day's plan"
    plan = DiscoveryPlan.model_validate_json(stored)
    assert plan.fallback is None
    assert plan.model is not None
    assert plan.model.days == 20
    checks = [plan.at(check) for check in plan.checks]
    published = at(DAY, 12, 40)
    finds = next(check for check in checks if check >= published)
    assert finds - published <= timedelta(minutes=30)

    # Between two checks no request is made, and none after the check that finds it.
    for check in checks:
        discover(learning, check - timedelta(minutes=5))
        discover(learning, check)
    made = learning.executions(DAY, INJURIES, count=checks.index(finds) + 1)
    assert [row["triggered_at"] for row in made] == [check for check in checks if check <= finds]
    assert [row["status"] for row in made] == ["no_data"] * (len(made) - 1) + ["success"]
    (decision,) = learning.decisions(SEARCH, finds)
    assert plan.model.version in decision["reason"]

    output = learning.tipoff(
        "explain", SEARCH, "--at", f"{finds:%Y-%m-%d %H:%M%z}", "--workflows", str(workflows_of(learning))
    )
    assert plan.model.version in output
    assert "found it" in output


def workflows_of(driver: Driver) -> Path:
    return driver.stack.layout.workflows_file
