"""`python -m bench.nothing_sink`: the logger's push endpoint with nothing behind it.

The service authenticates, reads, decodes and answers as the logger does, from the same settings, but writes no row: the
difference to the logger is the cost of writing.
"""

from typing import Annotated

from fastapi import Depends, FastAPI

from tipoff_common.cloud import Cloud
from tipoff_common.push import Delivery
from tipoff_common.settings import require_settings
from tipoff_common.web import serve
from tipoff_logger.handlers import ACCEPTED
from tipoff_logger.settings import LoggerSettings


def create_app(settings: LoggerSettings) -> FastAPI:
    """Build a service that accepts pushes and does nothing."""
    cloud = Cloud("nothing", settings)
    app = cloud.app("Takes pushes and does nothing.", needs=())
    endpoint = cloud.push_endpoint(ACCEPTED)

    @app.post("/events", status_code=204)
    async def receive(delivery: Annotated[Delivery, Depends(endpoint)]) -> None:
        del delivery

    return app


if __name__ == "__main__":
    serve("nothing", require_settings("nothing", LoggerSettings), create_app)
