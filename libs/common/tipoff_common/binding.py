"""CloudEvents 1.0 over Pub/Sub, with the CloudEvents SDK.

Rules: https://github.com/googleapis/google-cloudevents/blob/main/docs/spec/pubsub.md. In binary mode the
attributes travel as `ce-<name>` message attributes and the payload is the message data; in structured mode the
content-type is `application/cloudevents+json` and the whole event is the data.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import ValidationError

from tipoff_common.bounds import bounded_name
from tipoff_common.clock import to_utc
from tipoff_common.events import EVENTS, Event, RejectReason, TickFired
from tipoff_common.identity import event_id
from tipoff_common.limits import ATTRIBUTE_VALUE_BYTES

STRUCTURED = "application/cloudevents+json"
_TYPE = re.compile(r"[A-Za-z0-9._-]{1,200}")
_PREFIX = "ce-"


@dataclass(frozen=True)
class Envelope:
    """An event on its way: its payload and the CloudEvents context around it."""

    payload: Event
    id: str
    source: str
    time: datetime
    traceparent: str = ""


@dataclass(frozen=True)
class Message:
    """A Pub/Sub message, free of any transport."""

    data: bytes
    attributes: Mapping[str, str]
    message_id: str = ""
    publish_time: datetime | None = None
    subscription: str = ""
    delivery_attempt: int | None = None

    @property
    def event_type(self) -> str | None:
        """The type that the message states, in either mode, even when its payload does not fit that type."""
        if not _is_structured(self):
            return self.attributes.get("ce-type")
        try:
            found = json.loads(self.data)["type"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        return found if isinstance(found, str) and _TYPE.fullmatch(found) else None


@dataclass
class Refused(Exception):
    """A message that can never be read as an event; `reason` goes into its record."""

    reason: RejectReason
    detail: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def encode(envelope: Envelope) -> tuple[bytes, dict[str, str]]:
    """Encode in binary mode, as message data and attributes."""
    event = _cloud_event(envelope)
    attributes = {
        f"{_PREFIX}{name}": _text(value)
        for name, value in event.get_attributes().items()
        if value is not None
    }
    attributes["content-type"] = attributes.pop("ce-datacontenttype")
    # Subscriptions filter by attributes only, never by the payload.
    attributes.update(envelope.payload.filter_attributes)
    if envelope.traceparent:
        attributes["traceparent"] = envelope.traceparent
    return envelope.payload.model_dump_json().encode(), attributes


def decode(message: Message) -> Envelope:
    """Decode a message of either mode.

    An event without a time gets Pub/Sub's publishTime. Cloud Scheduler sends fixed attributes only, so a tick without
    an id gets the messageId too.

    Raises:
        Refused: with the reason that goes into dead_letters.
    """
    event = _structured(message) if _is_structured(message) else _binary(message)
    # By type and never by shape: two events may have the same fields.
    model = EVENTS.get(event.get_type())
    if model is None:
        raise Refused(
            RejectReason.UNKNOWN_TYPE,
            f"ce-type '{event.get_type()}' is not one of {', '.join(EVENTS)}",
        )
    data = event.get_data()
    try:
        payload = (
            model.model_validate_json(data) if isinstance(data, bytes | str) else model.model_validate(data)
        )
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'payload'}: {item['msg']}"
            # Five errors are enough to find the fault; a payload may have thousands.
            for item in error.errors(include_url=False)[:5]
        )
        # Two reasons for readers of dead_letters: a truncated message, or a producer of another version.
        reason: RejectReason = (
            RejectReason.UNDECODABLE
            if error.errors()[0]["type"] == "json_invalid"
            else RejectReason.INVALID_PAYLOAD
        )
        raise Refused(reason, faults) from error
    # In UTC: in the repeated hour of autumn, Python never finds instants of two zones equal.
    time = to_utc(event.get_attributes()["time"])
    return Envelope(
        payload, event.get_id(), event.get_source(), time, message.attributes.get("traceparent", "")
    )


def _cloud_event(envelope: Envelope) -> CloudEvent:
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": envelope.id,
        "type": envelope.payload.TYPE,
        "source": envelope.source,
        "time": envelope.time,
        "datacontenttype": "application/json",
    }
    if envelope.payload.subject:
        # For filters and people; the payload has the whole subject. A path may be longer than an attribute may be.
        attributes["subject"] = bounded_name(envelope.payload.subject, ATTRIBUTE_VALUE_BYTES)
    return CloudEvent(attributes, envelope.payload.model_dump(mode="json"))


def _is_structured(message: Message) -> bool:
    return message.attributes.get("content-type", "").split(";")[0].strip() == STRUCTURED


def _structured(message: Message) -> CloudEvent:
    try:
        event = JSONFormat().read(partial(_as_sent, message), message.data)
    except (ValueError, TypeError, AttributeError, RecursionError, CloudEventValidationError) as error:
        raise Refused(RejectReason.UNDECODABLE, f"not a structured CloudEvent: {error}") from error
    if not isinstance(event, CloudEvent):
        raise Refused(
            RejectReason.UNDECODABLE,
            f"CloudEvents version {event.get_specversion()} is not supported; send 1.0",
        )
    return event


def _binary(message: Message) -> CloudEvent:
    attributes: dict[str, Any] = {
        name.removeprefix(_PREFIX): value
        for name, value in message.attributes.items()
        if name.startswith(_PREFIX)
    }
    event_type = attributes.get("type")
    if event_type is None:
        raise Refused(
            RejectReason.UNDECODABLE,
            "the ce-type attribute is missing; send a CloudEvent in binary or structured mode",
        )
    # Only for ticks: with a made-up id, each delivery of any other event would be a new event.
    if event_type == TickFired.TYPE and message.publish_time is not None:
        attributes.setdefault("id", message.message_id or event_id(event_type, message.publish_time))
    attributes["datacontenttype"] = message.attributes.get("content-type", "application/json")
    try:
        if "time" in attributes:
            attributes["time"] = datetime.fromisoformat(attributes["time"])
        return _as_sent(message, attributes, message.data)
    except (ValueError, CloudEventValidationError) as error:
        raise Refused(RejectReason.UNDECODABLE, f"not a CloudEvent: {error}") from error


def _as_sent(message: Message, attributes: dict[str, Any], data: Any) -> CloudEvent:
    """Build the event and refuse one without id or time: the SDK would fill in a random id at each delivery, and the
    wall clock.

    Raises:
        ValueError, CloudEventValidationError: the message is no CloudEvent of version 1.0.
    """
    if message.publish_time is not None:
        attributes.setdefault("time", message.publish_time)
    for name in ("specversion", "id", "time"):
        if name not in attributes:
            raise ValueError(f"attribute '{name}' is missing")
    for name, value in attributes.items():
        # Binary mode could not forward the longer attributes that structured mode allows. An unpaired surrogate, which
        # JSON may escape, raises here: it cannot be encoded as UTF-8.
        if len(str(value).encode()) > ATTRIBUTE_VALUE_BYTES:
            raise ValueError(f"attribute '{name}' has more than {ATTRIBUTE_VALUE_BYTES} bytes")
    # The SDK checks the rest of the specification.
    event = CloudEvent(attributes, data)
    to_utc(attributes["time"])
    return event


def _text(value: object) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)
