"""Errors with the status codes of the service's reference
(https://cloud.google.com/pubsub/docs/reference/error-codes)."""

from __future__ import annotations

import grpc


class PubsubError(Exception):
    """A refused request; becomes the RPC's status."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def not_found(resource: str) -> PubsubError:
    """Build the error for a resource that does not exist."""
    return PubsubError(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={resource}).")


def already_exists(resource: str) -> PubsubError:
    """Build the error for a taken name, for any settings of its resource."""
    return PubsubError(
        grpc.StatusCode.ALREADY_EXISTS, f"Resource already exists in the project (resource={resource})."
    )


def invalid(message: str) -> PubsubError:
    """Build the error for an invalid request."""
    return PubsubError(grpc.StatusCode.INVALID_ARGUMENT, message)


def out_of_range(message: str) -> PubsubError:
    """Build the error for a number outside its limits, where the service does not return INVALID_ARGUMENT."""
    return PubsubError(grpc.StatusCode.OUT_OF_RANGE, message)


def failed_precondition(message: str) -> PubsubError:
    """Build the error for a resource whose state does not allow the request."""
    return PubsubError(grpc.StatusCode.FAILED_PRECONDITION, message)


def unsupported(feature: str) -> PubsubError:
    """Build the error for a feature of the service that this server does not support."""
    return PubsubError(
        grpc.StatusCode.UNIMPLEMENTED, f"The embedded Pub/Sub server does not support {feature}."
    )
