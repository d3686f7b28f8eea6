"""The controller's routes in this process, with the dependencies of each test's client."""

from contextvars import ContextVar
from functools import cache

import httpx
from fastapi import FastAPI

from tests.support.pushes import local_settings
from tipoff_common.auth import Authentication
from tipoff_common.authenticated_routes import CallLimit, authenticated_router
from tipoff_common.web import create_app
from tipoff_controller.app import routes
from tipoff_controller.bootstrap import Wiring
from tipoff_controller.deps import Deps
from tipoff_dev.fakes.sources.testing import InProcessTransport

_asking = ContextVar[Deps]("_asking")
"""The dependencies of the calling client; a handler's thread has its caller's context."""


class _DepsOfCaller:
    """A proxy for dependencies that depend on the calling client."""

    def __getattr__(self, name: str) -> object:
        return getattr(_asking.get(), name)


@cache
def _build_application() -> FastAPI:
    """Build one application for all clients, as FastAPI takes longer for it than a test takes.

    Clients call its manual routes only: values that the push routes look up once are those of the first client.
    """
    app = create_app(service="controller", description="", environment="local", config_hash="c", checks={})
    manual = authenticated_router(Authentication(local_settings()), CallLimit(1_000_000))
    return routes(Wiring(app, _no_push, manual, _DepsOfCaller()))  # type: ignore[arg-type]  # answers as Deps


def _no_push() -> None:
    raise AssertionError("nothing is pushed here")


class _Routes(InProcessTransport):
    """A transport that serves requests with its own dependencies."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        _asking.set(deps)  # the routes read some of it when they are declared
        super().__init__(_build_application())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        _asking.set(self._deps)
        return super().handle_request(request)


def in_memory_controller(deps: Deps, base_url: str = "http://service") -> httpx.Client:
    """Return a client of the controller's routes; with `pushes.AUTHORIZED` it may call all of them."""
    return httpx.Client(transport=_Routes(deps), base_url=base_url)
