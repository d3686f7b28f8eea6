"""Tests of the replay of dead letters: selection, target topics, output of `tipoff dead-letters`."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.support.cloudevents import encode_structured
from tests.support.samples import NOON, executed, processed, requested, tick
from tipoff_cli import console as arguments
from tipoff_cli.commands import dead_letters as commands
from tipoff_cli.connection import Connection
from tipoff_cli.main import app
from tipoff_common.binding import STRUCTURED, Envelope, Message, encode
from tipoff_common.events import Event, RejectReason
from tipoff_common.ports import Parameter, Unavailable
from tipoff_common.push import EVENT_LIMIT
from tipoff_common.rejections import keep_payload, rejection
from tipoff_common.rows import dead_letter_row
from tipoff_common.testing import MemoryObjects, MemoryWarehouse
from tipoff_common.topics import load_topics
from tipoff_dataset.dead_letters import (
    DeadLetter,
    PayloadMissing,
    Replay,
    messages,
    payload,
    plan_replays,
    read_dead_letters,
)

TOPICS = load_topics(Path(__file__).parents[3] / "infra/topics.yaml")
GAVE_UP = {
    "CloudPubSubDeadLetterSourceDeliveryCount": "100",
    "CloudPubSubDeadLetterSourceSubscription": "runner-requests",
    "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
    "CloudPubSubDeadLetterSourceTopicPublishTime": "2025-01-15T17:00:00Z",
}


@dataclass
class LetterStore:
    """A dataset with dead letters, and the bucket with their payloads."""

    state: MemoryObjects = field(default_factory=MemoryObjects)
    rows: list[dict[str, Any]] = field(default_factory=list)
    arguments: list[Mapping[str, Parameter]] = field(default_factory=list)
    others: dict[str, MemoryObjects] = field(default_factory=dict)

    def bucket_of(self, name: str) -> MemoryObjects:
        return self.state if name == self.state.bucket else self.others[name]

    def reject(
        self,
        data: bytes,
        attributes: Mapping[str, str],
        reason: RejectReason = "delivery_attempts",
        minutes: int = 0,
    ) -> str:
        """Reject a message and return the event's id."""
        message = Message(data, attributes, f"m-{len(self.rows)}", NOON, "projects/p/subscriptions/s-1")
        at = NOON + timedelta(minutes=minutes)
        event = rejection(message, reason, "why", service="logger", environment="local", at=at)
        row = dict(dead_letter_row(keep_payload(event, data, self.state), at))
        del row["environment"], row["created_at"]
        self.rows.append(row)
        return event.id

    def reject_event(self, event: Event, reason: RejectReason = "delivery_attempts", minutes: int = 0) -> str:
        data, attributes = encode(Envelope(event, event.id, "/tipoff/test", NOON, "00-trace-span-01"))
        return self.reject(data, {**attributes, **GAVE_UP}, reason, minutes)

    def query(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        assert "DATE(rejected_at) >= DATE(@since)" in sql
        self.arguments.append(parameters)
        ids: Any = parameters["ids"]
        return [row for row in self.rows if not ids or row["event_id"] in ids]

    @property
    def letters(self) -> list[DeadLetter]:
        return read_dead_letters(MemoryWarehouse(answer=self.query), "local", NOON)

    def plan(self) -> list[Replay]:
        return plan_replays(self.letters, TOPICS, self.bucket_of)


@pytest.fixture
def letter_store() -> LetterStore:
    return LetterStore()


# The plan


def test_original_message_is_replayed_to_topic_of_its_type(letter_store: LetterStore) -> None:
    letter_store.reject_event(requested())
    data, attributes = encode(Envelope(requested(), requested().id, "/tipoff/test", NOON, "00-trace-span-01"))
    assert list(messages(letter_store.plan(), letter_store.bucket_of)) == [
        ("scrape-requests", data, attributes)
    ]
    assert not [name for name in attributes if name.startswith("CloudPubSub")]


def test_oldest_dead_letter_is_replayed_first(letter_store: LetterStore) -> None:
    letter_store.reject_event(requested(), minutes=5)
    letter_store.reject_event(executed())
    assert [replay.topic for replay in letter_store.plan()] == ["scrape-executions", "scrape-requests"]


def test_unreadable_structured_message_is_replayed_to_topic_of_its_type(letter_store: LetterStore) -> None:
    data = b'{"specversion": "1.0", "type": "tipoff.file.processed.v1", "id": "7", "data": {}}'
    letter_store.reject(data, {"content-type": STRUCTURED}, "invalid_payload")
    assert [(replay.topic, replay.refused) for replay in letter_store.plan()] == [("phase2-receipts", None)]


def test_message_rejected_on_two_subscriptions_is_replayed_once(letter_store: LetterStore) -> None:
    first = letter_store.reject_event(executed())
    letter_store.reject_event(executed(), minutes=1)
    sent, copy = letter_store.plan()
    assert (sent.letter.event_id, sent.refused) == (first, None)
    assert (copy.topic, copy.copy_of) == (None, first)


@pytest.mark.parametrize(
    ("data", "attributes", "why"),
    [
        (b"{}", {}, "the message names no event type, so it has no topic: the ce-type attribute is missing"),
        (b"{}", {"ce-type": "tipoff.moon.risen.v1"}, "no topic carries tipoff.moon.risen.v1; deploy"),
        (b"x" * (EVENT_LIMIT + 1), {"ce-type": "tipoff.scrape.executed.v1"}, "more than the limit of"),
    ],
    ids=["no type", "no topic", "too large"],
)
def test_untyped_unrouted_or_oversized_message_is_refused_with_reason(
    letter_store: LetterStore, data: bytes, attributes: dict[str, str], why: str
) -> None:
    letter_store.reject(data, attributes, "undecodable")
    (replay,) = letter_store.plan()
    assert replay.topic is None
    assert why in (replay.refused or "")
    assert list(messages([replay], letter_store.bucket_of)) == []


def test_payload_at_size_limit_is_replayed(letter_store: LetterStore) -> None:
    letter_store.reject(b"x" * EVENT_LIMIT, {"ce-type": executed().TYPE, "ce-id": "1"}, "undecodable")
    assert [(replay.topic, replay.refused) for replay in letter_store.plan()] == [("scrape-executions", None)]


def test_tick_without_event_time_is_refused(letter_store: LetterStore) -> None:
    """A tick without a time takes the time of its delivery, so a republished one would be another tick."""
    letter_store.reject_event(tick(event_time=None))
    letter_store.reject_event(tick(event_time=NOON))
    assert [replay.topic for replay in letter_store.plan()] == [None, "orchestration-ticks"]


def test_payload_invalid_in_this_version_is_replayed_to_topic_of_its_type(letter_store: LetterStore) -> None:
    """The running service may be newer than the one that rejected the message, and read it."""
    letter_store.reject(b'{"a": 1}', {"ce-type": executed().TYPE, "ce-id": "1"}, "invalid_payload")
    (replay,) = letter_store.plan()
    assert replay.topic == "scrape-executions"
    assert replay.dies_again is not None


def test_type_of_structured_receipt_is_read_from_payload(letter_store: LetterStore) -> None:
    data, attributes = encode_structured(Envelope(processed(), processed().id, "/phase2", NOON))
    letter_store.reject(data, {**attributes, **GAVE_UP})
    assert [replay.topic for replay in letter_store.plan()] == ["phase2-receipts"]


# Payloads


def test_deleted_payload_is_refused(letter_store: LetterStore) -> None:
    letter_store.reject_event(requested())
    letter_store.state.bodies.clear()
    (replay,) = letter_store.plan()
    assert "no longer exists" in (replay.refused or "")


def test_changed_payload_is_refused(letter_store: LetterStore) -> None:
    letter_store.reject_event(requested())
    letter_store.state.bodies = dict.fromkeys(letter_store.state.bodies, b"{}")
    (replay,) = letter_store.plan()
    assert "SHA-256 differs" in (replay.refused or "")


def test_payload_without_path_is_its_head_only_if_whole(letter_store: LetterStore) -> None:
    letter_store.reject(b"short", {})
    letter_store.reject(b"\xff", {})
    for row in letter_store.rows:
        row["payload_path"] = None
    whole, broken = letter_store.letters
    assert payload(whole, letter_store.bucket_of) == b"short"
    with pytest.raises(PayloadMissing):
        payload(broken, letter_store.bucket_of)


def test_payload_is_read_from_bucket_named_in_path(letter_store: LetterStore) -> None:
    letter_store.reject(b"short", {})
    name = letter_store.rows[0]["payload_path"].removeprefix("gs://state/")
    letter_store.rows[0]["payload_path"] = f"gs://p-tipoff-state-logger/{name}"
    letter_store.others["p-tipoff-state-logger"] = MemoryObjects(bodies={name: b"short"})
    letter_store.state.bodies.clear()
    assert payload(letter_store.letters[0], letter_store.bucket_of) == b"short"


def test_payload_path_without_object_name_is_refused(letter_store: LetterStore) -> None:
    letter_store.reject(b"short", {})
    letter_store.rows[0]["payload_path"] = "gs://state/"
    with pytest.raises(PayloadMissing, match="names no object"):
        payload(letter_store.letters[0], letter_store.bucket_of)


def test_unknown_fields_are_left_out_of_attributes(letter_store: LetterStore) -> None:
    letter_store.reject_event(requested())
    letter_store.rows[0]["attributes"]["unknown_fields"] = {"weather": "snow"}
    assert "unknown_fields" not in letter_store.letters[0].attributes


# The command


@dataclass(frozen=True)
class FakeConnection(Connection):
    letter_store: LetterStore = field(default_factory=LetterStore)
    sent: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)
    down: bool = False

    def warehouse(self) -> Any:
        return MemoryWarehouse(answer=self.letter_store.query)

    def bucket(self, bucket: str) -> Any:
        return self.letter_store.bucket_of(bucket)

    def bus(self, topics: Any) -> Any:
        assert topics == TOPICS
        return self

    def publish_messages(self, messages: Iterable[tuple[str, bytes, Mapping[str, str]]]) -> None:
        if self.down:
            raise Unavailable("Pub/Sub is down")
        self.sent.extend(messages)


@pytest.fixture
def connection(letter_store: LetterStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeConnection]:
    found = FakeConnection({"TIPOFF_ENVIRONMENT": "local"}, "the test", letter_store)
    monkeypatch.setattr(commands, "find_connection", lambda: found)
    monkeypatch.setattr(commands.console, "_width", 200)
    yield found


def run(*arguments: str, code: int = 0, answer: str | None = None) -> str:
    result = CliRunner().invoke(app, ["dead-letters", *arguments], input=answer)
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def test_list_shows_id_and_reason_of_each_dead_letter(
    letter_store: LetterStore, connection: FakeConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = letter_store.reject_event(requested(), "invalid_payload")
    output = run("list", "--reason", "invalid_payload", "--since", "2025-01-15")
    assert identifier in output
    assert "invalid_payload" in output
    assert "1 dead letters" in output
    monkeypatch.setattr(commands.console, "_width", 60)
    assert identifier in run("list", "--since", "2025-01-15")
    assert connection.letter_store.arguments[0]["reason"] == "invalid_payload"


@pytest.mark.usefixtures("connection")
def test_unknown_reason_is_refused_with_known_reasons() -> None:
    assert "use one of undecodable, oversized" in run("list", "--reason", "nope", code=2)


def test_show_prints_attributes_and_whole_payload_in_narrow_terminal(
    letter_store: LetterStore, connection: FakeConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = letter_store.reject_event(requested())
    monkeypatch.setattr(commands.console, "_width", 80)
    output = run("show", identifier)
    assert re.search(r"^payload_path +gs://state/dead-letters/[0-9a-f]{64}$", output, re.MULTILINE)
    assert "CloudPubSubDeadLetterSourceDeliveryCount" in output
    assert '"request_id": "request-1"' in output
    shown = json.loads(run("show", identifier, "--json"))
    assert json.loads(shown["payload"])["request_id"] == "request-1"
    assert shown["payload_incomplete"] is None
    letter_store.state.bodies.clear()
    assert "no longer exists" in json.loads(run("show", identifier, "--json"))["payload_incomplete"]
    assert connection.sent == []


def test_show_never_wraps_id_path_or_payload(
    letter_store: LetterStore, connection: FakeConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = letter_store.reject_event(requested(workflow="w" * 150))
    monkeypatch.setattr(arguments.console, "_width", 40)
    output = run("show", identifier)
    assert identifier in output
    assert json.loads(run("show", identifier, "--json"))["payload_path"] in output
    assert "w" * 150 in output
    assert connection.sent == []


def test_unknown_id_is_refused_by_show_and_replay(connection: FakeConnection) -> None:
    assert "no selected dead letter has the id nothing" in run("show", "nothing", code=1)
    assert "no selected dead letter has the id nothing" in run("replay", "nothing", code=1)
    assert connection.sent == []


def test_replay_shows_plan_and_requires_confirmation(
    letter_store: LetterStore, connection: FakeConnection
) -> None:
    identifier = letter_store.reject_event(requested())
    output = run("replay", identifier, answer="n\n", code=1)
    assert "scrape-requests" in output
    assert "nothing was published" in output
    assert connection.sent == []
    assert "published 1, refused 0" in run("replay", identifier, answer="y\n")
    assert [topic for topic, _, _ in connection.sent] == ["scrape-requests"]


def test_replay_warns_of_message_that_will_be_refused_again(
    letter_store: LetterStore, connection: FakeConnection
) -> None:
    identifier = letter_store.reject(
        b'{"a": 1}', {"ce-type": executed().TYPE, "ce-id": "1"}, "invalid_payload"
    )
    output = run("replay", identifier, answer="n\n", code=1)
    assert "scrape-executions, but will be refused again: " in output
    assert "publish 1 message (1 will be refused again by services of this version)?" in output
    assert connection.sent == []


def test_repeated_replay_sends_same_message(letter_store: LetterStore, connection: FakeConnection) -> None:
    identifier = letter_store.reject_event(requested())
    run("replay", identifier, "--yes")
    run("replay", identifier, "--yes")
    first, second = connection.sent
    assert first == second


def test_a_dry_run_publishes_nothing(letter_store: LetterStore, connection: FakeConnection) -> None:
    letter_store.reject_event(requested())
    assert "dry run" in run("replay", "--reason", "delivery_attempts", "--dry-run")
    result = json.loads(run("replay", "--since", "2025-01-01", "--dry-run", "--json"))
    assert (result["published"], result["messages"][0]["topic"]) == (False, "scrape-requests")
    assert result["messages"][0]["ce_id"] == requested().id
    assert connection.sent == []


def test_refused_message_exits_1(letter_store: LetterStore, connection: FakeConnection) -> None:
    letter_store.reject_event(requested())
    letter_store.reject(b"{}", {}, "undecodable")
    output = run("replay", "--since", "2025-01-01", "--yes", code=1)
    assert "refused: the message names no event type" in output
    assert "published 1, refused 1" in output
    assert len(connection.sent) == 1


def test_duplicate_is_neither_published_nor_counted_as_refused(
    letter_store: LetterStore, connection: FakeConnection
) -> None:
    letter_store.reject_event(executed())
    letter_store.reject_event(executed(), minutes=1)
    assert "published 1, refused 0" in run("replay", "--since", "2025-01-01", "--yes")
    assert len(connection.sent) == 1


def test_replay_without_selection_or_confirmation_is_refused(connection: FakeConnection) -> None:
    assert "--reason or --since" in run("replay", "--yes", code=2)
    assert "--yes" in run("replay", "--since", "2025-01-01", "--json", code=2)
    assert connection.sent == []


def test_unavailable_bus_is_reported_with_remedy(
    letter_store: LetterStore, monkeypatch: pytest.MonkeyPatch, connection: FakeConnection
) -> None:
    letter_store.reject_event(requested())
    down = FakeConnection(connection.values, "the test", letter_store, down=True)
    monkeypatch.setattr(commands, "find_connection", lambda: down)
    assert "repeat the replay" in run("replay", "--since", "2025-01-01", "--yes", code=1)
