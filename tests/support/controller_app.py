"""The controller's routes in this process, on the dependencies of whoever asks."""

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


class _Current:
    """In place of the dependencies: those of the client that asks."""

    deps: Deps | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self.deps, name)


_CURRENT = _Current()


@cache
def _application() -> FastAPI:
    """One application for all clients: FastAPI takes longer to build it than a test takes."""
    app = create_app(service="controller", description="", environment="local", config_hash="c", checks={})
    by_hand = authenticated_router(Authentication(local_settings()), CallLimit(1_000_000))
    return routes(Wiring(app, _no_push, by_hand, _CURRENT))  # type: ignore[arg-type]


def _no_push() -> None:
    raise AssertionError("nothing is pushed here")


class _Routes(InProcessTransport):
    """Answers by the dependencies that it was made with."""

    def __init__(self, deps: Deps) -> None:
        self._deps = _CURRENT.deps = deps
        super().__init__(_application())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        _CURRENT.deps = self._deps
        return super().handle_request(request)


def controller_client(deps: Deps, base_url: str = "http://service") -> httpx.Client:
    """A client that is answered by the controller's routes; `pushes.AUTHORIZED` may ask all of them."""
    return httpx.Client(transport=_Routes(deps), base_url=base_url)
