"""Handlers of pushed events; they return when the rows are durable."""

import logging
from datetime import datetime

from tipoff_common.events import Event, MessageRejected, RejectReason, Tick, TickFired
from tipoff_common.ports import RowsRefused
from tipoff_common.push import Delivery
from tipoff_common.rejections import keep_payload, rejection
from tipoff_common.rows import TABLES
from tipoff_logger.archive import Archive, archive_partitions
from tipoff_logger.deps import Deps

log = logging.getLogger(__name__)


ACCEPTED: frozenset[type[Event]] = frozenset({*TABLES, TickFired})


async def handle_delivery(delivery: Delivery, deps: Deps, archive: Archive, now: datetime) -> None:
    """Append the event's rows, or archive old rows at the logger's tick.

    Raises:
        Unavailable: Pub/Sub has to redeliver the message.
    """
    if isinstance(delivery.event, TickFired):
        # Ticks share a topic; acknowledge and ignore ticks of other services and of newer kinds.
        if delivery.event.tick is Tick.ARCHIVE:
            await deps.run(archive_partitions, delivery.event, archive, now)
    else:
        await record_event(delivery, deps, now)


async def record_event(delivery: Delivery, deps: Deps, now: datetime) -> None:
    """Append the event's rows, in one batch with those of other waiting events.

    Rows that the warehouse refuses for their content can never succeed: reject the message and store its payload. When
    the refused event is itself a rejection, log the whole event.

    Raises:
        Unavailable: some rows may not be durable; Pub/Sub has to redeliver the message.
    """
    event = delivery.event
    # Never a KeyError: ACCEPTED is made of the same mapping, and the endpoint rejects other events.
    batch = TABLES[type(event)](event, now)
    # A newer producer in a rolling deployment. The row's JSON column keeps the fields.
    if batch.unknown:
        log.warning(
            "event has fields of a newer producer",
            extra={
                "event_type": event.TYPE,
                "event_id": event.id,
                "kept_in": f"{batch.table}.{batch.unknown_kept_in}",
                "fields": list(batch.unknown),
            },
        )
    try:
        await deps.commit.submit(batch.table, batch.rows, batch.ids, len(delivery.message.data))
    except RowsRefused as refused:
        if isinstance(event, MessageRejected):
            # Rejecting a rejection would loop forever; the log is the last place to record it.
            log.error("dead letter refused by the warehouse", extra={"event": event.model_dump(mode="json")})
            return
        await deps.run(_reject, delivery, refused, deps, now)


def _reject(delivery: Delivery, refused: RowsRefused, deps: Deps, now: datetime) -> None:
    log.warning("rows refused", extra={"detail": str(refused), "event_id": delivery.event.id})
    event = rejection(
        delivery.message,
        RejectReason.INVALID_PAYLOAD,
        str(refused),
        service="logger",
        environment=deps.environment,
        at=now,
    )
    deps.publisher.publish([keep_payload(event, delivery.message.data, deps.state)])
