"""The newest schedule that the fleet has landed, read from the data bucket and kept until a newer one is there."""

import logging
from datetime import UTC, datetime

from pydantic import ValidationError

from tipoff_common.ports import ObjectInfo, Objects, Unavailable
from tipoff_common.retrying_objects import retrying
from tipoff_planning.calendar import Calendar, read_calendar

log = logging.getLogger(__name__)


class LandedCalendar:
    """Reads files below `prefix`. A file that cannot be read as a schedule is reported once, and the calendar before
    it stays."""

    def __init__(self, data: Objects, prefix: str | None) -> None:
        """Read below `prefix`; None for a fleet without games, whose calendar never comes."""
        # A failed list or read here costs a whole tick, and most failures of a bucket are over in a second.
        self._data = retrying(data)
        self._prefix = None if prefix is None else prefix.rstrip("/") + "/"
        self._read: tuple[str, datetime] | None = None
        self._calendar: Calendar | None = None
        # By name and time of writing: the same name may be written again, whole.
        self._refused: set[tuple[str, datetime]] = set()

    def current(self) -> Calendar | None:
        """Return the calendar, None when none has landed yet. Raises Unavailable when none was read before either."""
        try:
            return self._newest()
        except Unavailable as error:
            # An old calendar plans most of a day right. None at all would lock an empty schedule.
            if self._calendar is None:
                raise
            log.error("landed schedules cannot be read, the last one stays", extra={"detail": str(error)})
            return self._calendar

    def _newest(self) -> Calendar | None:
        if self._prefix is None:
            return None
        # Newest first, until one can be read: a broken file must not take the
        # place of the schedule before it.
        for info in sorted(self._data.list(self._prefix), key=_age, reverse=True):
            version = (info.name, info.updated)
            if version == self._read:
                return self._calendar
            # Without this, each evaluation would read and report the same broken file again.
            calendar = None if version in self._refused else self._load(info)
            if calendar is not None:
                self._read, self._calendar = version, calendar
                return calendar
        return self._calendar

    def _load(self, info: ObjectInfo) -> Calendar | None:
        body = self._data.get(info.name)
        if body is None:  # a lifecycle rule removed it after the list
            return None
        try:
            return read_calendar(body, _fetched_at(info))
        except ValidationError as error:
            log.error("landed schedule cannot be read: %s", info.name, extra={"detail": str(error)[:500]})
            self._refused.add((info.name, info.updated))
            return None


def _fetched_at(info: ObjectInfo) -> datetime:
    """Return when the source was asked, as the runner noted it; for a file put there by other means, when it was
    written."""
    try:
        return datetime.fromisoformat(info.metadata["fetched-at"]).astimezone(UTC)
    except (KeyError, ValueError):
        return info.updated


def _age(info: ObjectInfo) -> tuple[datetime, datetime]:
    """Return a sort key by which the later written of two readings of one payload counts: a mended parser's."""
    return _fetched_at(info), info.updated
