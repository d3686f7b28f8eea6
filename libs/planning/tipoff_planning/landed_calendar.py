"""The newest landed schedule, read from the data bucket and cached until a newer one lands."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from tipoff_common.files import fetched_at
from tipoff_common.ports import ObjectInfo, Objects, Unavailable
from tipoff_common.retrying_objects import retrying
from tipoff_planning.calendar import Calendar, read_calendar

log = logging.getLogger(__name__)


_DAY_TOLERANCE = timedelta(days=2)
"""Schedules land under the day of their request, which zones and windows after midnight move by a day."""


class LandedCalendar:
    """Calendar from the newest readable file below a prefix. A file that is not a schedule is logged once, and the
    previous calendar stays."""

    def __init__(self, data: Objects, prefix: str | None) -> None:
        """Read files below `prefix`; None for a fleet without games, which has no calendar."""
        # Retry: a failed list or read here costs a whole tick, and most failures of a bucket are over in a second.
        self._data = retrying(data)
        self._prefix = None if prefix is None else prefix.rstrip("/") + "/"
        self._read: tuple[str, datetime] | None = None
        self._calendar: Calendar | None = None
        # By name and time of writing: a file may be written again under the same name without the fault.
        self._refused: set[tuple[str, datetime]] = set()

    def current(self, now: datetime) -> Calendar | None:
        """Return the calendar, None when none has landed yet.

        A schedule for a date of the month of `now` is preferred to those of other months.

        Raises:
            Unavailable: the bucket failed before the first read.
        """
        try:
            return self._newest(now)
        except Unavailable as error:
            # An old calendar plans most of a day correctly; without any calendar the locked schedule would be empty.
            if self._calendar is None:
                raise
            log.error(
                "cannot read landed schedules; the last calendar stays in use", extra={"detail": str(error)}
            )
            return self._calendar

    def _newest(self, now: datetime) -> Calendar | None:
        if self._prefix is None:
            return None
        # A listing of all schedules that ever landed would cost more with each day of the fleet's life. Near the end of
        # a month the two months around it are listed, because a new month begins without schedules.
        months = {
            f"{self._prefix}{day.astimezone(UTC):%Y-%m}-"
            for day in (now - _DAY_TOLERANCE, now + _DAY_TOLERANCE)
        }
        found = self._first_readable(info for month in sorted(months) for info in self._data.list(month))
        return found or self._first_readable(self._data.list(self._prefix)) or self._calendar

    def _first_readable(self, files: Iterable[ObjectInfo]) -> Calendar | None:
        # Newest first, until a file can be read: a broken file must not replace the schedule before it.
        for info in sorted(files, key=_age, reverse=True):
            version = (info.name, info.updated)
            if version == self._read:
                return self._calendar
            # Skip refused files, or each evaluation would read and log the same broken file again.
            calendar = None if version in self._refused else self._load(info)
            if calendar is not None:
                self._read, self._calendar = version, calendar
                return calendar
        return None

    def _load(self, info: ObjectInfo) -> Calendar | None:
        body = self._data.get(info.name)
        if body is None:  # a lifecycle rule removed it after the list
            return None
        try:
            return read_calendar(body, fetched_at(info))
        except ValidationError as error:
            log.error("landed schedule cannot be read: %s", info.name, extra={"detail": str(error)[:500]})
            self._refused.add((info.name, info.updated))
            return None


def _age(info: ObjectInfo) -> tuple[datetime, datetime]:
    """Return a sort key by which the later file of one payload wins: a fixed parser may have written it again."""
    return fetched_at(info), info.updated
