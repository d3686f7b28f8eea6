"""Events become rows; the push is answered when they are durable."""

import logging
from dataclasses import dataclass
from datetime import datetime

from tipoff_common.events import Event, MessageRejected
from tipoff_common.ports import Objects, RowsRefused, Warehouse
from tipoff_common.publisher import Publisher
from tipoff_common.push import Delivery
from tipoff_common.rejections import keep_payload, rejection
from tipoff_common.rows import TABLES

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deps:
    environment: str
    warehouse: Warehouse
    publisher: Publisher
    state: Objects


ACCEPTED: frozenset[type[Event]] = frozenset(TABLES)


def record_event(delivery: Delivery, deps: Deps, now: datetime) -> None:
    """Appends the event's rows.

    Rows that the warehouse refuses for their content can never succeed: the message is rejected, with its payload
    kept. A rejection that is refused itself has nowhere to go and is logged whole.

    Raises:
        Unavailable: nothing was appended for certain; the message is to be delivered again.
    """
    batch = TABLES[type(delivery.event)](delivery.event, now)
    if not batch.rows:
        return
    try:
        deps.warehouse.append(batch.table, batch.rows, batch.ids)
    except RowsRefused as refused:
        if isinstance(delivery.event, MessageRejected):
            log.error(
                "dead letter refused by the warehouse",
                extra={"event": delivery.event.model_dump(mode="json")},
            )
            return
        event = rejection(
            delivery.message,
            "invalid_payload",
            str(refused),
            service="logger",
            environment=deps.environment,
            at=now,
        )
        deps.publisher.publish([keep_payload(event, delivery.message.data, deps.state)])
