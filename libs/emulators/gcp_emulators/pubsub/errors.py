"""Refusals, with the status codes of the service's reference (https://cloud.google.com/pubsub/docs/reference/error-codes)."""

from __future__ import annotations

import grpc


class PubsubError(Exception):
    """A request that is refused; becomes the RPC's status."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def not_found(what: str) -> PubsubError:
    """The named resource does not exist."""
    return PubsubError(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={what}).")


def already_exists(what: str) -> PubsubError:
    """A resource of that name exists, whatever its settings."""
    return PubsubError(
        grpc.StatusCode.ALREADY_EXISTS, f"Resource already exists in the project (resource={what})."
    )


def invalid(message: str) -> PubsubError:
    """The request cannot mean anything."""
    return PubsubError(grpc.StatusCode.INVALID_ARGUMENT, message)


def out_of_range(message: str) -> PubsubError:
    """A number outside its limits, where the service answers OUT_OF_RANGE rather than INVALID_ARGUMENT."""
    return PubsubError(grpc.StatusCode.OUT_OF_RANGE, message)


def failed_precondition(message: str) -> PubsubError:
    """The resource is not in a state that allows the request."""
    return PubsubError(grpc.StatusCode.FAILED_PRECONDITION, message)


def unsupported(what: str) -> PubsubError:
    """The service can do it and this server cannot."""
    return PubsubError(grpc.StatusCode.UNIMPLEMENTED, f"The embedded Pub/Sub server does not support {what}.")
