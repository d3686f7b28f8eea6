"""Routes of cleanup."""

from typing import Annotated

from fastapi import Depends, FastAPI

from tipoff_cleanup.bootstrap import Wiring, bootstrap
from tipoff_cleanup.handlers import run_cleanup
from tipoff_cleanup.settings import CleanupSettings
from tipoff_common.events import Tick, TickFired
from tipoff_common.push import PUSH_PROBLEMS, Delivery
from tipoff_common.wall_clock import wall_now


def create_app(settings: CleanupSettings) -> FastAPI:
    """Build cleanup's application from its settings."""
    return routes(bootstrap(settings))


def routes(wiring: Wiring) -> FastAPI:
    """Declare cleanup's route on the application of its wiring."""
    app = wiring.app

    @app.post("/events", status_code=204, tags=["Pub/Sub"], responses=PUSH_PROBLEMS)
    def receive(delivery: Annotated[Delivery, Depends(wiring.endpoint)]) -> None:
        """Run cleanup at its tick, `tipoff.tick.fired.v1` with tick `cleanup`."""
        now = wall_now()
        # Ticks share a topic; acknowledge and ignore ticks of other services and of newer kinds.
        if isinstance(delivery.event, TickFired) and delivery.event.tick is Tick.CLEANUP:
            run_cleanup(delivery.event, delivery.message.publish_time or now, wiring.deps, now)

    return app
