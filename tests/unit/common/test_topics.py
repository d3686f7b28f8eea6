"""Tests of the topic map's refusals."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tipoff_common.events import EVENTS
from tipoff_common.topics import load_topics
from tipoff_common.yaml_source import ConfigurationError

ALL = {"description": "everything", "events": list(EVENTS), "subscribed_outside": True}
GOOD: dict[str, Any] = {"dead_letter_topic": "all", "max_delivery_attempts": 100, "topics": {"all": ALL}}


def write(folder: Path, **changes: Any) -> Path:
    path = folder / "topics.yaml"
    path.write_text(yaml.safe_dump({**GOOD, **changes}, sort_keys=False), encoding="utf-8")
    return path


def test_topic_is_looked_up_by_event_type(tmp_path: Path) -> None:
    tick = {"description": "ticks", "events": ["tipoff.tick.fired.v1"], "subscribed_outside": True}
    rest = {**ALL, "events": [name for name in EVENTS if name != "tipoff.tick.fired.v1"]}
    topics = load_topics(write(tmp_path, dead_letter_topic="rest", topics={"ticks": tick, "rest": rest}))
    assert topics.topic_of("tipoff.tick.fired.v1") == "ticks"
    assert topics.topic_of("tipoff.file.landed.v1") == "rest"


def test_subscriptions_are_listed_with_their_topics(tmp_path: Path) -> None:
    subscription = {"service": "logger", "description": "rows"}
    topics = load_topics(write(tmp_path, topics={"all": {**ALL, "subscriptions": {"s": subscription}}}))
    ((topic, name, settings),) = topics.subscriptions()
    assert (topic, name, settings.service, settings.filter) == ("all", "s", "logger", "")


def subscribed(**changes: Any) -> dict[str, Any]:
    subscription = {"service": "logger", "description": "rows", **changes}
    return {"topics": {"all": {**ALL, "subscriptions": {"s": subscription}}}}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"dead_letter_topic": "none"}, "'none' is not among topics"),
        ({"max_delivery_attempts": 101}, "max_delivery_attempts = 101"),
        ({"max_delivery_attempts": 4}, "max_delivery_attempts = 4"),
        ({"retry": {"maximum_seconds": 601}}, "retry.maximum_seconds = 601"),
        (
            {"retry": {"minimum_seconds": 60, "maximum_seconds": 30}},
            "30 is below minimum_seconds 60; swap them",
        ),
        (
            {"topics": {"all": {**ALL, "events": [*EVENTS, "tipoff.other.v1"]}}},
            "unknown event type tipoff.other.v1",
        ),
        ({"topics": {"all": {**ALL, "events": list(EVENTS)[1:]}}}, f"no topic carries {next(iter(EVENTS))}"),
        ({"topics": {"all": ALL, "again": ALL}}, "is under two topics"),
        ({"topics": {"all": {**ALL, "colour": "red"}}}, "unknown key 'topics.all.colour'"),
        (subscribed(filter="x" * 257), "at most 256 characters"),
        (subscribed(ack_deadline_seconds=601), "ack_deadline_seconds = 601"),
        (subscribed(description=""), "description = ''"),
    ],
)
def test_invalid_topic_map_is_refused(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_topics(write(tmp_path, **change))
    assert fault in str(error.value)


def test_a_subscription_under_two_topics_is_refused(tmp_path: Path) -> None:
    """Only one of the two would be created, and the other topic would have no subscriber."""
    subscription = {"s": {"service": "logger", "description": "rows"}}
    tick = {"description": "ticks", "events": ["tipoff.tick.fired.v1"], "subscriptions": subscription}
    rest = {**ALL, "events": [name for name in EVENTS if name != "tipoff.tick.fired.v1"]}
    path = write(
        tmp_path,
        dead_letter_topic="rest",
        topics={"ticks": tick, "rest": {**rest, "subscriptions": subscription}},
    )
    with pytest.raises(ConfigurationError, match="s is under two topics; rename one"):
        load_topics(path)


def test_topic_without_subscription_is_refused(tmp_path: Path) -> None:
    """Decisions went on and nothing executed (incident 25)."""
    lonely = {name: value for name, value in ALL.items() if name != "subscribed_outside"}
    with pytest.raises(ConfigurationError, match="the topic has no subscription"):
        load_topics(write(tmp_path, topics={"all": lonely}))
