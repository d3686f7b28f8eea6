"""Tests of bench/alerts.py: placement of its faults, its watches, and attribution of messages to faults."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

import pytest

from bench import alert_season, alerts
from tipoff_cli.checkout import WORKFLOWS
from tipoff_common.clock import EASTERN, business_date
from tipoff_common.events import AlertLevel
from tipoff_common.testing import MemoryWarehouse
from tipoff_monitor.conditions import Condition

BOOK = alerts.load_book()
DAYS = frozenset(alert_season.FIRST + timedelta(days=number) for number in range(90) if number % 3)
POISON = next(it for it in alert_season.FAULTS if it.name == "poison arrives")
BEGINS = datetime(2026, 1, 15, 18, 0, tzinfo=EASTERN)
HOUR, TICK = timedelta(hours=1), timedelta(minutes=5)


def season_of(*faults: alert_season.Injected) -> alert_season.Made:
    """Return a season of three days with these faults and without rows."""
    injections = alert_season.Injections(faults, BEGINS + 48 * HOUR, BEGINS + 36 * HOUR)
    catalog = alert_season.load_catalog(alert_season.SCRAPERS)
    configuration = alert_season.load_workflows(WORKFLOWS, catalog)
    return alert_season.Made(injections, (), configuration, BEGINS - 24 * HOUR)


def wrong(rule: str, severity: AlertLevel = AlertLevel.WARNING) -> Condition:
    return Condition(rule, "-", BEGINS, severity, "It is wrong.")


def watches(*spans: tuple[datetime, datetime, Condition]) -> alerts.Answers:
    """Return the answers of each watch of the season from (begin, end, condition) spans."""

    def each() -> Iterator[datetime]:
        at = BEGINS - 24 * HOUR
        while at <= BEGINS + 48 * HOUR:
            yield at
            at += TICK

    return {at: tuple(it for begins, ends, it in spans if begins <= at < ends) for at in each()}


@dataclass
class Knowing(alerts.WatchQueries):
    """Queries that answer from (begin, end, condition) spans and count themselves."""

    spans: Sequence[tuple[datetime, datetime, Condition]] = field(default=())

    def ask(self, at: datetime) -> tuple[Condition, ...]:
        self.asked += 1
        return tuple(it for begins, ends, it in self.spans if begins <= at < ends)


@pytest.mark.parametrize("seed", range(20))
def test_each_fault_is_injected_once_and_timed_faults_on_game_days(seed: int) -> None:
    injections = alert_season.inject(Random(seed), DAYS)  # noqa: S311  # luck, not a secret
    assert sorted(it.fault.name for it in injections.faults) == sorted(it.name for it in alert_season.FAULTS)
    for it in injections.faults:
        assert it.fault.clock is None or business_date(it.begins) in DAYS
        assert it.ends + timedelta(days=1) < injections.quiet_from
    assert injections.end - injections.quiet_from == timedelta(days=7)


@pytest.mark.parametrize("offset", [0, 7, 21, 200])
def test_first_watch_of_a_condition_is_found(offset: int) -> None:
    made = season_of(alert_season.Injected(POISON, BEGINS, BEGINS + HOUR))
    begins = BEGINS + offset * TICK
    asker = Knowing(
        made, BOOK, MemoryWarehouse(), spans=[(begins, BEGINS + 40 * HOUR, wrong("cleanup-silent"))]
    )
    answers = alerts.answers_of(made, asker)
    assert min(at for at, holds in answers.items() if holds) == begins
    assert asker.asked < 40


def test_end_of_a_condition_with_hold_time_is_found() -> None:
    """A late detection of the end would make the condition hold long enough for a message."""
    made = season_of(alert_season.Injected(POISON, BEGINS, BEGINS + HOUR))
    ends = BEGINS + 4 * TICK
    asker = Knowing(made, BOOK, MemoryWarehouse(), spans=[(BEGINS, ends, wrong("versions-differ"))])
    answers = alerts.answers_of(made, asker)
    assert max(at for at, holds in answers.items() if holds) == ends - TICK
    assert alerts.judge(made, answers, BOOK, seed=1)["messages"] == 0


def test_message_during_a_fault_counts_the_fault_as_reported() -> None:
    made = season_of(alert_season.Injected(POISON, BEGINS, BEGINS + HOUR))
    answers = watches((BEGINS + TICK, BEGINS + HOUR, wrong("dead-letters")))
    result = alerts.judge(made, answers, BOOK, seed=1)
    assert (result["faults"], result["told"], result["recall"], result["precision"]) == (1, 1, 1.0, 1.0)
    assert result["minutes_to_tell"]["max"] == 0.0
    assert result["minutes_from_fault"]["max"] == 5.0
    assert (result["messages_per_cause"], result["quiet_week"], result["strays"]) == (1.0, 0, [])


def test_late_message_does_not_count_its_fault_as_reported() -> None:
    fault = replace(POISON, within=0.3)
    made = season_of(alert_season.Injected(fault, BEGINS, BEGINS + HOUR))
    answers = watches((BEGINS + HOUR, BEGINS + 2 * HOUR, wrong("dead-letters")))
    assert alerts.judge(made, answers, BOOK, seed=1)["untold"] == ["poison arrives"]


def test_source_fault_is_timed_from_the_first_affected_request() -> None:
    """A source that refuses requests from 08:15 on got its first request at 19:00."""
    fault = replace(POISON, within=0.3)
    notified_at = BEGINS + 11 * HOUR
    answers = watches((notified_at, notified_at + HOUR, wrong("dead-letters")))
    for met, untold in ((notified_at, []), (None, ["poison arrives"])):
        made = season_of(alert_season.Injected(fault, BEGINS, BEGINS + 12 * HOUR, met))
        assert alerts.judge(made, answers, BOOK, seed=1)["untold"] == untold


def test_messages_are_counted_by_kind() -> None:
    rule = replace(POISON, causes=frozenset({"dataset-behind"}))
    made = season_of(alert_season.Injected(rule, BEGINS, BEGINS + 9 * HOUR))
    answers = watches(
        (BEGINS + TICK, BEGINS + HOUR, wrong("dataset-behind")),
        (BEGINS + HOUR, BEGINS + 6 * HOUR, wrong("dataset-behind", AlertLevel.CRITICAL)),
    )
    result = alerts.judge(made, answers, BOOK, seed=1)
    assert result["words"] == {
        "first words": 1, "worse": 0, "escalations": 1, "reminders": 1, "ends": 1, "left": 0
    }  # fmt: skip
    assert (result["messages_per_cause"], result["messages"]) == (1.0, 3)


def test_condition_from_before_a_fault_is_no_sign_of_the_fault() -> None:
    made = season_of(alert_season.Injected(POISON, BEGINS, BEGINS + HOUR))
    old = (BEGINS - 5 * HOUR, BEGINS + HOUR, replace(wrong("dead-letters"), subject="old"))
    new = (BEGINS + 6 * TICK, BEGINS + HOUR, wrong("dead-letters"))
    answers = watches(old, new)
    assert alerts.shown_at(made.injections.faults[0], answers, BOOK) == BEGINS + 6 * TICK


def test_unexplained_message_is_a_stray_and_counts_in_the_quiet_week() -> None:
    made = season_of(alert_season.Injected(POISON, BEGINS, BEGINS + HOUR))
    quiet = BEGINS + 40 * HOUR
    answers = watches((quiet, quiet + TICK, wrong("decisions-not-executed", AlertLevel.CRITICAL)))
    # A rule with causes waits one watch for them.
    answers = {**answers, quiet + TICK: answers[quiet]}
    result = alerts.judge(made, answers, BOOK, seed=1)
    assert (result["false_critical"], result["quiet_week"], len(result["strays"])) == (1, 1, 1)
    assert result["precision"] == 0.0
