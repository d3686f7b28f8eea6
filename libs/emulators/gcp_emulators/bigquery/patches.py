"""Replacement of parts of the emulator, with an error when the part does not exist."""

from collections.abc import Callable
from importlib import metadata
from typing import Any

SUPPORTED_VERSION = "1.4.0"


class UnsupportedEmulatorError(RuntimeError):
    """The installed bqemulator is not the version the repairs were written for."""


def require_supported_version() -> None:
    """Refuse any other version: a repair applied to other code would break it silently.

    Raises UnsupportedEmulatorError.
    """
    installed = metadata.version("bqemulator")
    if installed != SUPPORTED_VERSION:
        raise UnsupportedEmulatorError(
            f"bqemulator {installed} is installed, but the repairs are for {SUPPORTED_VERSION}"
        )


def replace_route(router: Any, path: str, answer: Callable[..., Any]) -> None:
    """Make `answer` the handler of POST requests to a route. Raises ValueError unless exactly one route matches."""
    (known,) = (
        route
        for route in router.routes
        if route.path.endswith(path) and "POST" in getattr(route, "methods", ())
    )
    router.routes.remove(known)
    router.add_api_route(path, answer, methods=["POST"])


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Set `owner.name` to the result of `make` on its present value.

    Raises AttributeError when the owner has no such attribute.
    """
    setattr(owner, name, make(getattr(owner, name)))
