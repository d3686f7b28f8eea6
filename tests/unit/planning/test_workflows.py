"""The model of workflows.yaml, and what is worked out from it."""

import pytest

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
from tipoff_planning.workflows import ForEachOutput, Step, takes_game


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


def test_what_tells_requests_apart_are_fan_outs_and_fixed_parameters_not_the_hour() -> None:
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


def test_only_per_game_occurrences_are_about_one_game() -> None:
    workflows = fixture_file("schedules").workflows
    assert [name for name, item in workflows.items() if takes_game(item)] == ["post_game"]
