"""Tests of broken, late, empty and blocked sources: decisions and `explain` agree with the guide."""

from datetime import timedelta

import pytest

from tests.support.controller import (
    DAY,
    SUCCESS,
    World,
    at,
    at_times,
    configured,
    discovery,
    workflow,
)
from tipoff_cli.checkout import REPOSITORY
from tipoff_common.events import AlertLevel, ScrapeRequested
from tipoff_common.outcomes import Failed, FailureKind, NoData, Outcome
from tipoff_planning.explanation import explain_workflow
from tipoff_planning.occurrence_log import log_execution

GUIDE = REPOSITORY / "docs/how-to/broken-late-empty-or-blocked.md"
LATE = NoData(reason="https://tse.example.jp/closing.html answers 404; not published yet")
STANDING = NoData(reason="requested 2025-01-15, but the document is still that of 2025-01-14")
EMPTY = NoData(reason="the table is there and has no rows")
BLOCKED = Failed(
    kind=FailureKind.BLOCKED, message="https://tse.example.jp answers 403: the host refuses this client"
)
BROKEN = Failed(kind=FailureKind.SOURCE_CHANGED, message="there is no table of prices")
DOWN = Failed(kind=FailureKind.HTTP, message="https://tse.example.jp answers 503")
SOURCES: dict[str, Outcome] = {
    "fine": SUCCESS,
    "late": LATE,
    "yesterday's page": STANDING,
    "empty": EMPTY,
    "blocked": BLOCKED,
    "broken": BROKEN,
    "down": DOWN,
}


def answered(outcome: Outcome) -> World:
    """Evaluate a two-hour search every quarter of an hour, with a source that always gives the same answer."""
    search = workflow(discovery("11:00", "13:00", every="1h"), "bulletin", max_retries=1)
    made = World(configured(one=search))
    instant = at("11:00")
    while instant <= at("14:15"):
        made.tick(instant)
        while requests := made.take(ScrapeRequested):
            for request in requests:
                made.run(request, outcome, instant=instant)
        instant += timedelta(minutes=15)
    return made


@pytest.mark.parametrize("source", SOURCES)
def test_decisions_match_guide_table(source: str) -> None:
    made = answered(SOURCES[source])
    rows = [line.split("|") for line in GUIDE.read_text().splitlines() if line.startswith("| ")]
    (row,) = [cells for cells in rows if cells[1].strip() == source]
    _, _, outcome, while_open, closed, alerts, _ = (cell.strip().strip("`") for cell in row)
    (open_one,) = [it for it in made.decisions if it.decision_time == at("11:30")]
    last = made.decisions[-1]
    result = SOURCES[source]
    kind = result.kind.value if isinstance(result, Failed) else ""
    assert outcome == "`, `".join(filter(None, (result.status.value, kind)))
    assert open_one.reason_code == while_open
    assert last.reason_code == closed
    assert alerts == ("yes" if last.alert_level is not AlertLevel.NONE else "no")


def test_reasons_differ_between_source_conditions() -> None:
    made = {name: answered(outcome).decisions for name, outcome in SOURCES.items()}
    for moment in (at("11:30"), at("14:15")):
        reasons = [item.reason for items in made.values() for item in items if item.decision_time == moment]
        assert len(reasons) == len(set(reasons)) == len(SOURCES)


@pytest.mark.parametrize("source", [name for name in SOURCES if name != "fine"])
@pytest.mark.parametrize(
    "schedule", [discovery("11:00", "13:00", every="1h"), at_times("11:00", within="2h")]
)
def test_explain_quotes_reason_or_error_of_source(source: str, schedule: dict[str, object]) -> None:
    made = World(configured(one=workflow(schedule, "bulletin", max_retries=1)))
    made.tick(at("11:00"))
    (request,) = made.take(ScrapeRequested)
    executed = made.run(request, SOURCES[source], instant=at("11:00"))
    told = SOURCES[source]
    result = told.message if isinstance(told, Failed) else told.reason if isinstance(told, NoData) else ""
    facts = [log.fact(DAY) for log in [log_execution(executed, ())]]
    explained = explain_workflow("one", at("11:30"), made.deps.configuration, None, facts)
    conditions = [*explained.general, *(item for _, own in explained.decisions for item in own)]
    assert any(result in item.detail for item in conditions), conditions
    failing = [item for item in explained.general if item.name == "source" and not item.met]
    assert bool(failing) == isinstance(told, Failed), "only what failed is told as a failing source"


@pytest.mark.parametrize("source", SOURCES)
def test_explain_of_closed_window_matches_last_decision(source: str) -> None:
    """A source that failed all day was explained as a source that published nothing."""
    made = answered(SOURCES[source])
    facts = [log_execution(executed, ()).fact(DAY) for executed in made.logged]
    explained = explain_workflow("one", at("14:15"), made.deps.configuration, None, facts)
    last = made.decisions[-1]
    assert [(it.code.value, it.sentence) for it, _ in explained.decisions] == [
        (last.reason_code, last.reason)
    ]
