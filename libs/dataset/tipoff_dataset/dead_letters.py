"""Dead letters: read from the dataset, and planned to be published again.

A replayed message keeps its ids, as its attributes and payload have the event's identity. So services deduplicate it,
however often it is replayed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tipoff_common.ports import Objects, Parameter, Warehouse

if TYPE_CHECKING:
    from tipoff_common.binding import Envelope
    from tipoff_common.topics import TopicMap

BucketOf = Callable[[str], Objects]
"""Opens a bucket by its name."""
EVER = datetime(1970, 1, 1, tzinfo=UTC)

_SELECTED = """
SELECT event_id, rejected_at, reason, detail, service, subscription, message_id, event_type, attributes, payload_path,
  payload_sha256, payload_head, payload_bytes, delivery_attempts
FROM nba_orchestration.dead_letters
WHERE DATE(rejected_at) >= DATE(@since) AND rejected_at >= @since AND environment = @environment
  AND (@reason = '' OR reason = @reason)
  AND (@path = '' OR JSON_VALUE(attributes, '$."ce-subject"') = @path)
  AND (ARRAY_LENGTH(@ids) = 0 OR event_id IN UNNEST(@ids))
QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY created_at DESC) = 1
ORDER BY rejected_at DESC, event_id
"""


@dataclass(frozen=True)
class DeadLetter:
    """One row of dead_letters."""

    event_id: str
    rejected_at: datetime
    reason: str
    detail: str | None
    service: str | None
    subscription: str | None
    message_id: str | None
    event_type: str | None
    attributes: Mapping[str, str]
    """The message's attributes, with those that Pub/Sub added to the dead letter."""
    payload_path: str | None
    payload_sha256: str | None
    payload_head: str | None
    payload_bytes: int | None
    delivery_attempts: int | None

    @property
    def original_attributes(self) -> dict[str, str]:
        """The attributes that the message was published with."""
        from tipoff_common.rejections import SOURCE

        return {name: value for name, value in self.attributes.items() if not name.startswith(SOURCE)}


@dataclass(frozen=True)
class Replay:
    """The plan for one dead letter: publish it, skip it as a copy of another, or refuse it."""

    letter: DeadLetter
    topic: str | None = None
    """The topic to publish the message to."""
    copy_of: str | None = None
    """The event id of another dead letter of the same message, which is published."""
    refused: str | None = None
    """The reason why the message cannot be published."""
    dies_again: str | None = None
    """The reason why services of this version would refuse the message again; a newer version may read it."""


class PayloadMissing(Exception):
    """A dead letter's payload is not available; the message has the reason."""


def read_dead_letters(
    warehouse: Warehouse,
    environment: str,
    since: datetime,
    reason: str | None = None,
    ids: Sequence[str] = (),
    path: str = "",
) -> list[DeadLetter]:
    """Return the dead letters since then, one for each event, the latest first.

    ids: if given, only these. path: if given, only announcements and receipts of this file. Raises Unavailable.
    """
    parameters: dict[str, Parameter] = {
        "since": since,
        "environment": environment,
        "reason": reason or "",
        "ids": list(ids),
        "path": path,
    }
    return [_letter(row) for row in warehouse.query(_SELECTED, parameters)]


def _letter(row: Mapping[str, Any]) -> DeadLetter:
    """Build a dead letter from its row. The column of attributes also keeps unknown fields, which are no text."""
    attributes = {name: value for name, value in (row["attributes"] or {}).items() if isinstance(value, str)}
    return DeadLetter(**{**row, "attributes": attributes})


def payload(letter: DeadLetter, bucket_of: BucketOf) -> bytes:
    """Return the message's original data, from the bucket that its row names.

    Raises:
        PayloadMissing
        Unavailable
    """
    from tipoff_common.identity import content_hash

    # Rows without a path have only the head, which may be cut or escaped; the hash below reveals that.
    body = (letter.payload_head or "").encode()
    if letter.payload_path is not None:
        bucket, _, name = letter.payload_path.removeprefix("gs://").partition("/")
        if not letter.payload_path.startswith("gs://") or not name:
            raise PayloadMissing(f"{letter.payload_path} names no object; no service wrote this row")
        stored = bucket_of(bucket).get(name)
        if stored is None:
            raise PayloadMissing(f"{letter.payload_path} no longer exists")
        body = stored
    if content_hash(body) != letter.payload_sha256:
        raise PayloadMissing("the stored payload is incomplete: its SHA-256 differs")
    return body


def plan_replays(letters: Iterable[DeadLetter], topics: "TopicMap", bucket_of: BucketOf) -> list[Replay]:
    """Plan the replay of each dead letter, the oldest first; only one copy of a message is published. Raises
    Unavailable."""
    planned: list[Replay] = []
    sent: dict[tuple[str | None, str | None, str | None], str] = {}
    # Oldest first, so that messages are published again in the order of their rejection.
    for letter in sorted(letters, key=lambda letter: letter.rejected_at):
        try:
            replay = plan_replay(letter, payload(letter, bucket_of), topics)
        except PayloadMissing as error:
            replay = Replay(letter, refused=str(error))
        if replay.topic is not None:
            # Several subscriptions of a topic may have rejected the message; one publication reaches them all.
            first = sent.setdefault(
                (replay.topic, letter.attributes.get("ce-id"), letter.payload_sha256), letter.event_id
            )
            if first != letter.event_id:
                replay = Replay(letter, copy_of=first)
        planned.append(replay)
    return planned


def plan_replay(letter: DeadLetter, data: bytes, topics: "TopicMap") -> Replay:
    """Return the replay of `letter`: its topic, or the reason for a refusal."""
    from tipoff_common.bounds import EVENT_LIMIT
    from tipoff_common.events import TickFired

    if len(data) > EVENT_LIMIT:
        return Replay(
            letter, refused=f"{len(data)} bytes, more than the limit of {EVENT_LIMIT} of every service"
        )
    envelope, fault = _read(letter, data)
    event_type = envelope.payload.TYPE if envelope else letter.event_type
    if event_type is None:
        return Replay(letter, refused=f"the message names no event type, so it has no topic: {fault}")
    if event_type not in {name for topic in topics.topics.values() for name in topic.events}:
        return Replay(letter, refused=f"no topic carries {event_type}; deploy a topic map that does")
    # A tick without event_time takes its time from the delivery, so a replay would be a new tick.
    if envelope and isinstance(envelope.payload, TickFired) and envelope.payload.event_time is None:
        return Replay(letter, refused="a tick takes its time from its delivery; later ticks did its work")
    return Replay(letter, topics.topic_of(event_type), dies_again=None if envelope else fault)


def messages(
    replays: Iterable[Replay], bucket_of: BucketOf
) -> Iterator[tuple[str, bytes, Mapping[str, str]]]:
    """Yield (topic, data, attributes) of each replay with a topic. Raises PayloadMissing and Unavailable."""
    for replay in replays:
        if replay.topic is not None:
            yield replay.topic, payload(replay.letter, bucket_of), replay.letter.original_attributes


def _read(letter: DeadLetter, data: bytes) -> "tuple[Envelope | None, str]":
    """Return the message as an event, or None and the fault; a newer service may still read the message."""
    from tipoff_common.binding import Message, Refused, decode

    message = Message(data, letter.original_attributes, publish_time=letter.rejected_at)
    try:
        return decode(message), ""
    except Refused as refused:
        return None, refused.detail


def unknown_ids(ids: Iterable[str], letters: Iterable[DeadLetter]) -> list[str]:
    """Return the ids that no dead letter has."""
    known = {letter.event_id for letter in letters}
    return [identifier for identifier in ids if identifier not in known]
