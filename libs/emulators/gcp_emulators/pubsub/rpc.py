"""gRPC helpers: unary methods from plain functions, PubsubError as status, pages of lists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc

from gcp_emulators.pubsub import errors
from gcp_emulators.pubsub.messages import Pb

Handler = Any
"""A gRPC method handler; grpc carries no type information."""

_DEFAULT_PAGE = 1_000

Item = TypeVar("Item")


def unary(request_class: Any, call: Callable[[Pb], Pb]) -> Handler:
    """Return a unary method from a function that does not wait."""

    async def answer(request: Pb, _context: Any) -> Pb:
        return call(request)

    return unary_waiting(request_class, answer)


def unary_waiting(request_class: Any, call: Callable[[Pb, Any], Awaitable[Pb]]) -> Handler:
    """Return a unary method from a coroutine function that also gets the call's context."""

    async def answer(request: Pb, context: Any) -> Pb:
        try:
            return await call(request, context)
        except errors.PubsubError as error:
            return await context.abort(error.code, error.message)

    return grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=request_class.pb().FromString, response_serializer=serialize
    )


def page(items: Sequence[Item], size: int, token: str) -> tuple[Sequence[Item], str]:
    """Return one page of a list and the token of the next, empty at the end. Raises INVALID_ARGUMENT for an invalid
    token."""
    if token and not token.isdecimal():
        raise errors.invalid("Invalid page token.")
    start = int(token or 0)
    end = start + (size or _DEFAULT_PAGE)
    return items[start:end], str(end) if end < len(items) else ""


def serialize(message: Pb) -> bytes:
    """Return a message's wire form."""
    return bytes(message.SerializeToString())
