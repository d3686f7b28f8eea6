"""Assembly of the server: broker, push client, gRPC services and, on a separate port, the admin endpoint."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio

from gcp_emulators.pubsub import admin, publisher, subscriber
from gcp_emulators.pubsub.broker import Broker
from gcp_emulators.pubsub.push import PushDispatcher
from gcp_emulators.pubsub.push_client import PushClient

_MAX_MESSAGE_BYTES = 20_000_000
"""Above the API's own limit, which `publish_limits` enforces with a better message."""

_STOP_SECONDS = 0.2

_log = logging.getLogger(__name__)


@asynccontextmanager
async def serving(
    host: str = "127.0.0.1", port: int = 8085, admin_port: int | None = None
) -> AsyncIterator[Broker]:
    """Serve for the length of a block, and yield the server's state.

    Port 0 takes a free one; with `admin_port` None there is no admin endpoint. At the end new calls are refused, the
    running ones end, and nothing is pushed any more. Raises OSError or RuntimeError when a port is taken.
    """
    client = PushClient()
    broker = Broker(lambda subscription: PushDispatcher(subscription, client))
    options = [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ]
    server: Any = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((publisher.handlers(broker), subscriber.handlers(broker)))
    bound = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    endpoint = None if admin_port is None else await admin.start(broker, host, admin_port)
    _log.info("listening on %s:%d, admin port %s", host, bound, "none" if admin_port is None else admin_port)
    try:
        yield broker
    finally:
        if endpoint is not None:
            endpoint.close()
        broker.close()
        await server.stop(_STOP_SECONDS)
        await client.close()
