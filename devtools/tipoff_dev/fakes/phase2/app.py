"""The fake's HTTP surface: Pub/Sub's pushes, and `/control` to set its behaviour.

`/control` has no authentication, so the port must never be bound to a public address. Google's clients are created with
the first message, so that a stack without landed files does not wait for them.
"""

import logging
from datetime import datetime
from functools import cached_property
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from pydantic import AwareDatetime

from tipoff_common.binding import Message
from tipoff_common.cloud import Cloud
from tipoff_common.events import FileLanded, RejectReason
from tipoff_common.ports import Unavailable
from tipoff_common.push import Delivery, PushEndpoint
from tipoff_common.receipts import Receipts
from tipoff_common.rejections import keep_payload, rejection
from tipoff_common.wall_clock import wall_now
from tipoff_common.web import create_app as create_service
from tipoff_dev.fakes.phase2.behaviour import Behaviour
from tipoff_dev.fakes.phase2.consumer import Consumer, Phase2State
from tipoff_dev.fakes.phase2.loading import DATASET, Loader, NotLoadable
from tipoff_dev.fakes.phase2.settings import Phase2Settings

SERVICE = "phase2"
log = logging.getLogger(__name__)


class Wiring:
    """The fake's connections, created on first use."""

    def __init__(self, settings: Phase2Settings) -> None:
        self.settings = settings
        self.cloud = Cloud(SERVICE, settings)
        self.state = Phase2State(settings.phase2)

    @cached_property
    def endpoint(self) -> PushEndpoint:
        """The endpoint for pushes of landed files."""
        return self.cloud.push_endpoint(frozenset({FileLanded}))

    @cached_property
    def consumer(self) -> Consumer:
        """The consumer that loads landed files, with the faults of the behaviour."""
        from tipoff_common.adapters.bigquery import BigQueryWarehouse

        settings = self.settings
        warehouse = BigQueryWarehouse(settings.project, settings.bigquery_emulator_host, DATASET)
        receipts = Receipts(self.cloud.publisher, processor="fake", environment=settings.environment)
        return Consumer(self.state, Loader(self.cloud.data, warehouse), receipts, settings.event_time)

    def reject(self, message: Message, reason: str, at: datetime) -> None:
        """Publish the rejection of a message whose file can never be loaded. Raises Unavailable."""
        event = rejection(
            message,
            RejectReason.INVALID_PAYLOAD,
            reason,
            service=SERVICE,
            environment=self.settings.environment,
            at=at,
        )
        self.cloud.publisher.publish([keep_payload(event, message.data, self.cloud.state)])
        self.state.counts["rejected"] += 1


def create_app(wiring: Wiring) -> FastAPI:
    """Build the fake's application."""
    app = create_service(
        service=SERVICE,
        description="Phase 2's fake.",
        environment=wiring.settings.environment,
        config_hash=wiring.cloud.config_hash,
        config_files=wiring.cloud.config_files,
        checks={"bus": lambda: wiring.cloud.bus.check(), "data": lambda: wiring.cloud.data.check()},
    )
    state = wiring.state

    def refuse_when_down() -> None:
        if state.behaviour.down:
            raise Unavailable("set to be down")

    async def delivered(request: Request) -> Delivery:
        return await wiring.endpoint(request)

    @app.post("/events", status_code=204, dependencies=[Depends(refuse_when_down)])
    def receive(delivery: Annotated[Delivery, Depends(delivered)]) -> None:
        if not isinstance(delivery.event, FileLanded):
            return
        now = wall_now()
        try:
            wiring.consumer.receive(delivery.event, now)
        except NotLoadable as error:
            log.warning("file not loaded", extra={"detail": str(error)})
            wiring.reject(delivery.message, str(error), now)

    @app.get("/control/behaviour")
    def read_behaviour() -> Behaviour:
        return state.behaviour

    @app.put("/control/behaviour")
    def set_behaviour(behaviour: Behaviour) -> Behaviour:
        state.behaviour = behaviour
        return behaviour

    @app.get("/control/counts")
    def read_counts() -> dict[str, int]:
        return dict(state.counts)

    @app.post("/control/release")
    def release(until: AwareDatetime | None = None) -> dict[str, int]:
        return {"released": wiring.consumer.release(until, wall_now())}

    return app
