"""The base class of all events, and the enumerations that several of them share."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, model_validator

from tipoff_common.bounds import check_json
from tipoff_common.identity import event_id
from tipoff_common.open_enum import OpenEnum


class Source(OpenEnum):
    """The surface through which an execution was requested; set by that surface, never by the caller."""

    CONTROLLER = "CONTROLLER"  # a decision
    MANUAL = "MANUAL"  # a workflow triggered over HTTP or `tipoff trigger`
    LOCAL = "LOCAL"  # a command on somebody's machine
    CLOUD_RUN = "CLOUD_RUN"  # a direct POST to the scraper-runner
    SCHEDULER = "SCHEDULER"  # the same, by Cloud Scheduler's identity
    RECOVERY = "RECOVERY"  # cleanup


class Priority(OpenEnum):
    """Urgency of a workflow's data."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"

    @classmethod
    def fallback(cls) -> Self:
        """Return the priority of a workflow that states none."""
        return cls(cls.MEDIUM)


class AlertLevel(OpenEnum):
    """Severity of a decision or an incident, ascending."""

    NONE = "NONE"
    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"

    @property
    def rank(self) -> int:
        """How loud it is, counted from 0."""
        return list(AlertLevel).index(self.effective)

    @classmethod
    def fallback(cls) -> Self:
        """Return a level that people see: an unknown one may mean anything but that all is well."""
        return cls(cls.WARNING)


class EventPart(BaseModel):
    """A part of an event: frozen, and keeping fields that only a newer producer knows."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @model_validator(mode="after")
    def _readable_extra_fields(self) -> Self:
        if self.model_extra:
            check_json(self.model_extra)
        return self


class Event(EventPart):
    """A payload of a type of its own."""

    TYPE: ClassVar[str]
    """The CloudEvents type."""
    KEY: ClassVar[tuple[str, ...]]
    """The fields that its identity is a function of."""
    SUBJECT: ClassVar[str | None] = None
    """The field that says what it is about, for people and filters."""
    FILTERS: ClassVar[tuple[str, ...]] = ()
    """The fields that travel as message attributes too, by which subscriptions choose theirs."""

    @property
    def key(self) -> tuple[object, ...]:
        """What the event's identity is a function of."""
        return tuple(getattr(self, name) for name in self.KEY)

    @property
    def id(self) -> str:
        """The CloudEvents id: the same for the same content."""
        return event_id(self.TYPE, *self.key)

    @property
    def subject(self) -> str | None:
        """What the event is about."""
        return None if self.SUBJECT is None else str(getattr(self, self.SUBJECT))

    @property
    def filter_attributes(self) -> Mapping[str, str]:
        """Message attributes beside the CloudEvents ones."""
        return {name: str(getattr(self, name)) for name in self.FILTERS}

    def parts(self) -> "Iterator[Event]":
        """Yield the events to publish: this one, or several that say the same where one would be too large."""
        yield self
