"""Replacing parts of the emulator, loudly when the part is not there."""

from collections.abc import Callable
from importlib import metadata
from typing import Any

SUPPORTED_VERSION = "1.4.0"


class UnsupportedEmulatorError(RuntimeError):
    """The installed bqemulator is not the version the repairs were written for."""


def require_supported_version() -> None:
    """Refuse any other emulator: a repair applied to other code would break it in silence.

    Raises UnsupportedEmulatorError.
    """
    installed = metadata.version("bqemulator")
    if installed != SUPPORTED_VERSION:
        raise UnsupportedEmulatorError(
            f"bqemulator {installed} is installed, the repairs are written for {SUPPORTED_VERSION}"
        )


def replace_route(router: Any, path: str, answer: Callable[..., Any]) -> None:
    """Let `answer` take what is posted to a route. Raises ValueError when there is none, or more than one."""
    (known,) = (
        route
        for route in router.routes
        if route.path.endswith(path) and "POST" in getattr(route, "methods", ())
    )
    router.routes.remove(known)
    router.add_api_route(path, answer, methods=["POST"])


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Set `owner.name` to what `make` makes of its present value.

    Raises AttributeError when the owner has no such part.
    """
    setattr(owner, name, make(getattr(owner, name)))
