"""The base class of all events, and the enumerations that several events share."""

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
    LOCAL = "LOCAL"  # a command on a developer's machine
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
        """Position in the ascending order, from 0."""
        return list(AlertLevel).index(self.effective)

    @classmethod
    def fallback(cls) -> Self:
        """Return a level that people see: an unknown level may be an urgent one."""
        return cls(cls.WARNING)


class EventPart(BaseModel):
    """A part of an event: frozen, and keeping fields that a newer producer added."""

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
    """The fields that determine the event's id."""
    SUBJECT: ClassVar[str | None] = None
    """The field that becomes the CloudEvents subject, for people and filters."""
    FILTERS: ClassVar[tuple[str, ...]] = ()
    """The fields that are message attributes too, for the filters of subscriptions."""

    @property
    def key(self) -> tuple[object, ...]:
        """The values that determine the event's id."""
        return tuple(getattr(self, name) for name in self.KEY)

    @property
    def id(self) -> str:
        """The CloudEvents id: the same for the same content."""
        return event_id(self.TYPE, *self.key)

    @property
    def subject(self) -> str | None:
        """The CloudEvents subject, such as a workflow's name or a file's path; None without one."""
        return None if self.SUBJECT is None else str(getattr(self, self.SUBJECT))

    @property
    def filter_attributes(self) -> Mapping[str, str]:
        """Message attributes beside the CloudEvents ones."""
        return {name: str(getattr(self, name)) for name in self.FILTERS}

    def parts(self) -> "Iterator[Event]":
        """Yield the events to publish: this one, or several with a part of the content each if one would be too
        large."""
        yield self
