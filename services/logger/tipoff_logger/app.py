"""Routes of the logger."""

from typing import Annotated

from fastapi import Depends, FastAPI

from tipoff_common.push import PUSH_PROBLEMS, Delivery
from tipoff_common.wall_clock import wall_now
from tipoff_logger.bootstrap import Wiring, bootstrap
from tipoff_logger.handlers import handle_delivery
from tipoff_logger.settings import LoggerSettings


def create_app(settings: LoggerSettings) -> FastAPI:
    """Build the logger's application from its settings."""
    return routes(bootstrap(settings))


def routes(wiring: Wiring) -> FastAPI:
    """Declare the logger's route on the application of its wiring."""
    app = wiring.app

    @app.post("/events", status_code=204, tags=["Pub/Sub"], responses=PUSH_PROBLEMS)
    async def receive(delivery: Annotated[Delivery, Depends(wiring.endpoint)]) -> None:
        """Append an event's rows; archive old rows at the logger's tick."""
        # On the event loop and not in a thread, so that rows that arrive together form one batch.
        await handle_delivery(delivery, wiring.deps, wiring.archive, wall_now())

    return app
