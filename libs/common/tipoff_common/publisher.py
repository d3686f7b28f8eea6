"""Publisher of events: adds the CloudEvents context to each payload."""

from collections.abc import Iterable

from tipoff_common.binding import Envelope
from tipoff_common.events import Event
from tipoff_common.metrics import PUBLISHED
from tipoff_common.ports import Bus
from tipoff_common.telemetry import begin_trace, is_on, record
from tipoff_common.trace import apart, is_under_way, traceparent
from tipoff_common.wall_clock import wall_now


class Publisher:
    """Publishes payloads as events of one service (`source` is "/tipoff/<service>")."""

    def __init__(self, service: str, bus: Bus) -> None:
        self._source, self._bus = f"/tipoff/{service}", bus

    def envelope(self, event: Event) -> Envelope:
        """Add the CloudEvents context to a payload; its time is the wall clock, also when a day is replayed."""
        return Envelope(event, event.id, self._source, wall_now(), traceparent())

    def publish(self, events: Iterable[Event]) -> None:
        """Publish the events, large ones in parts; return when all are durable.

        Raises:
            Unavailable: some may then be published; publish all of them again.
        """
        with apart():
            # Ticks and calls outside of a request begin a trace, which ends with the call: the ticks that the
            # scheduler's thread publishes for days are unrelated.
            if not is_under_way():
                begin_trace()
            # All in one call: the bus groups them by topic, hundreds in one request.
            envelopes = [self.envelope(part) for event in events for part in event.parts()]
        self._bus.publish(envelopes)
        for envelope in envelopes if is_on() else ():
            record(PUBLISHED, event_type=envelope.payload.TYPE)
