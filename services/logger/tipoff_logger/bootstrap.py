"""The logger's wiring."""

from dataclasses import dataclass

from fastapi import FastAPI

from tipoff_common.cloud import Cloud
from tipoff_common.push import PushEndpoint
from tipoff_logger.handlers import ACCEPTED, Deps
from tipoff_logger.settings import LoggerSettings


@dataclass(frozen=True)
class Wiring:
    app: FastAPI
    endpoint: PushEndpoint
    deps: Deps


def bootstrap(settings: LoggerSettings) -> Wiring:
    cloud = Cloud("logger", settings)
    return Wiring(
        app=cloud.app("Records: the only writer of the dataset.", needs=("warehouse", "state")),
        endpoint=cloud.push_endpoint(ACCEPTED),
        deps=Deps(
            environment=settings.environment,
            warehouse=cloud.warehouse,
            publisher=cloud.publisher,
            state=cloud.state,
        ),
    )
