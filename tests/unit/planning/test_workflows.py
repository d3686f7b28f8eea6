"""Tests of the model of workflows.yaml and of the values derived from it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.controller import (
    at_times,
    configured,
    daily,
    discovery,
    fixture_file,
    interval,
    per_game,
    workflow,
)
from tipoff_common.events import AlertLevel, Priority
from tipoff_planning.workflows import (
    CalendarSource,
    DiscoverySettings,
    ForEachOutput,
    ForEachValue,
    Step,
    Workflow,
    dividing_an_hour,
    takes_game,
)


def test_the_fixture_files_use_every_kind_and_every_fan_out() -> None:
    schedules, plans = fixture_file("schedules").workflows, fixture_file("plans").workflows
    kinds = {item.schedule.kind for item in schedules.values()}
    fans = [step.for_each for item in plans.values() for step in item.steps]
    assert kinds == {"daily", "at", "interval", "per_game", "discovery"}
    assert {"game", "team"} <= {fan for fan in fans if isinstance(fan, str)}
    assert any(isinstance(fan, ForEachOutput) for fan in fans)
    assert {item.order for item in plans.values()} == {"parallel", "sequence"}


def test_a_sequence_is_written_out_as_edges() -> None:
    plan = fixture_file("plans").workflows["sequence"].plan
    assert {name: step.parents for name, step in plan.items()} == {
        "bulletin": (),
        "event_list": ("bulletin",),
        "summary": ("event_list",),
    }


def test_parallel_steps_have_no_edges() -> None:
    plan = fixture_file("plans").workflows["parallel"].plan
    assert [step.parents for step in plan.values()] == [(), ()]


def test_the_step_fanned_out_over_is_a_parent_named_once() -> None:
    step = Step(scraper="event_props", after=("a", "b"), for_each=ForEachOutput(step="b", key="event_id"))
    assert step.parents == ("a", "b")


def test_an_unknown_placeholder_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\{today\} is not known; use \{game_date\} or \{slot\}"):
        Step(scraper="bulletin", parameters={"as_of": "{today}"})


def test_defaults_of_a_workflow() -> None:
    made = configured(one=workflow(at_times("08:00"), "bulletin")).workflows["one"]
    assert (made.priority, made.alert_level, made.max_retries) == (Priority.MEDIUM, AlertLevel.WARNING, 3)


def test_a_workflow_needs_games_by_its_kind_its_scrapers_or_its_fan_out() -> None:
    configuration = configured(
        plain=workflow(at_times("08:00"), "bulletin"),
        around=workflow(interval(), "bulletin"),
        each=workflow(per_game(), "box_score"),
        one_scraper=workflow(daily(), "bulletin", "digest"),
        teams=workflow(discovery(), {"scraper": "roster", "for_each": "team"}),
    )
    assert configuration.needing_games == {"around", "each", "one_scraper", "teams"}


def test_subject_parameters_are_fan_outs_and_fixed_parameters() -> None:
    configuration = configured(
        teams=workflow(at_times("08:00"), {"scraper": "roster", "for_each": "team"}),
        fixed=workflow(
            at_times("08:00"), {"scraper": "bulletin", "parameters": {"market": "h2h", "as_of": "{slot}"}}
        ),
    )
    assert configuration.subject_parameters == ("game_id", "market", "team")


def test_the_refresher_is_the_workflow_that_fetches_the_calendar() -> None:
    assert fixture_file("schedules").refresher == "morning"
    assert configured(one=workflow(daily(), "bulletin")).refresher is None


def test_the_configuration_hash_follows_the_file() -> None:
    one, same, other = (
        configured(one=workflow(daily("05:00", end), "bulletin")) for end in ("10:00", "10:00", "11:00")
    )
    assert one.hash == same.hash
    assert one.hash != other.hash


def test_only_per_game_workflows_take_a_game() -> None:
    workflows = fixture_file("schedules").workflows
    assert [name for name, item in workflows.items() if takes_game(item)] == ["post_game"]


# Steps


@pytest.mark.parametrize(
    ("for_each", "parameter"),
    [
        (None, None),
        ("game", "game_id"),
        ("team", "team"),
        (ForEachOutput(step="b", key="event_id"), "event_id"),
        (ForEachValue(parameter="market", values=("h2h",)), "market"),
    ],
)
def test_each_kind_of_fan_out_fills_its_parameter(for_each: Any, parameter: str | None) -> None:
    assert Step(scraper="bulletin", for_each=for_each).fan_out_parameter == parameter


def test_duplicate_fan_out_value_is_refused() -> None:
    with pytest.raises(ValidationError, match="values name BOS more than once"):
        ForEachValue(parameter="team", values=("BOS", "ATL", "BOS"))


def test_placeholders_may_be_anywhere_in_a_value() -> None:
    step = Step(scraper="bulletin", parameters={"as_of": "{slot}", "market": "a-{game_date}-{slot}"})
    assert len(step.parameters) == 2


def test_step_id_is_its_name_or_its_scraper() -> None:
    assert Step(scraper="bulletin").id == "bulletin"
    assert Step(scraper="bulletin", name="late").id == "late"


def test_sequence_edges_are_added_to_explicit_edges() -> None:
    made = configured(
        one=workflow(
            at_times("08:00"),
            "bulletin",
            "slate",
            {"scraper": "summary", "after": ["bulletin"]},
            order="sequence",
        )
    )
    assert {name: step.after for name, step in made.workflows["one"].plan.items()} == {
        "bulletin": (),
        "slate": ("bulletin",),
        "summary": ("bulletin", "slate"),
    }


# Settings


@pytest.mark.parametrize(("minutes", "taken"), [(5, True), (4, False)])
def test_max_gap_below_five_minutes_is_refused(minutes: int, taken: bool) -> None:
    if taken:
        assert DiscoverySettings.model_validate({"max_gap": f"{minutes}m"}).max_gap == timedelta(
            minutes=minutes
        )
        return
    with pytest.raises(ValidationError, match="max_gap is below 5m"):
        DiscoverySettings.model_validate({"max_gap": f"{minutes}m"})


@pytest.mark.parametrize(
    ("schedule", "taken"),
    [
        (daily(), True),
        (at_times("08:00"), True),
        (discovery(), True),
        (interval(), False),
        (per_game(), False),
    ],
)
def test_only_kinds_that_follow_a_clock_have_a_zone(schedule: Any, taken: bool) -> None:
    written = workflow(schedule, "bulletin", timezone="Asia/Tokyo")
    if taken:
        assert Workflow.model_validate(written).timezone == "Asia/Tokyo"
        return
    with pytest.raises(ValidationError, match="follows the games and not a clock; remove timezone"):
        Workflow.model_validate(written)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="not a known zone"):
        Workflow.model_validate(workflow(daily(), "bulletin", timezone="Asia/Tokio"))


# Values derived from a file


def test_workflow_zone_defaults_to_fleet_zone() -> None:
    plain = configured(one=workflow(daily(), "bulletin"))
    mixed = configured(
        one=workflow(daily(), "bulletin"), two=workflow(daily(), "bulletin", timezone="Asia/Tokyo")
    )
    same = configured(one=workflow(daily(), "bulletin", timezone="America/New_York"))
    assert (mixed.zone_of("one").key, mixed.zone_of("two").key) == ("America/New_York", "Asia/Tokyo")
    assert [made.spans_zones for made in (plain, mixed, same)] == [False, True, False]


FAST = configured(
    five=workflow(per_game("2h", "5m"), "bulletin"),
    quarter=workflow(per_game("2h", "15m"), "bulletin"),
    twenty=workflow(discovery("11:00", "12:00", every="20m"), "bulletin"),
)


def test_workflow_faster_than_evaluations_needs_finer_tick() -> None:
    assert FAST.faster_than(timedelta(minutes=15)) == ("five",)
    assert FAST.finer_tick(timedelta(minutes=15)) == timedelta(minutes=5)
    assert FAST.faster_than(timedelta(minutes=30)) == ("five", "quarter", "twenty")
    assert FAST.finer_tick(timedelta(minutes=30)) == timedelta(minutes=5)
    assert FAST.faster_than(timedelta(minutes=5)) == ()
    assert FAST.finer_tick(timedelta(minutes=5)) is None


def test_learned_search_needs_five_minute_tick() -> None:
    learning = configured(
        one=workflow(discovery(every="30m"), "bulletin", discovery={"strategy": "learned"}),
        two=workflow(discovery(every="30m"), "bulletin"),
    )
    assert learning.learned == ("one",)
    assert learning.finer_tick(timedelta(minutes=15)) == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("length", "minutes"),
    [
        (4, 4),
        (7, 6),
        (7.5, 6),
        (14, 12),
        (15, 15),
        (59, 30),
        (60, 60),
        (61, 60),
        (600, 60),
        (2, 2),
        (1, 1),
        (0.5, 1),
    ],
)
def test_a_ticks_minutes_divide_an_hour(length: float, minutes: int) -> None:
    assert dividing_an_hour(timedelta(minutes=length)) == timedelta(minutes=minutes)


def test_first_workflow_fetching_the_calendar_is_the_refresher() -> None:
    made = configured(
        one=workflow(daily(), "bulletin"),
        two=workflow(daily(), "bulletin", "slate"),
        three=workflow(daily(), "slate"),
    )
    assert made.refresher == "two"


def test_fleet_has_games_if_calendar_is_set_or_needed() -> None:
    with_calendar = configured(one=workflow(daily(), "bulletin"))
    without = replace(
        with_calendar, file=with_calendar.file.model_copy(update={"calendar": CalendarSource()})
    )
    needing = configured(one=workflow(per_game(), "box_score"))
    needing = replace(needing, file=needing.file.model_copy(update={"calendar": CalendarSource()}))
    assert [made.has_games for made in (with_calendar, without, needing)] == [True, False, True]
    assert with_calendar.calendar_folder == with_calendar.catalog["slate"].output_root
    assert without.calendar_folder is None
