"""The server put together: broker, push client, gRPC services and, on a port of its own, the admin endpoint."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

import grpc.aio

from gcp_emulators.pubsub import admin, publisher, subscriber
from gcp_emulators.pubsub.broker import Broker
from gcp_emulators.pubsub.push import PushDispatcher
from gcp_emulators.pubsub.push_client import PushClient

_MAX_MESSAGE_BYTES = 20_000_000
"""Above the API's own limit, which the services enforce with a better message."""

_STOP_SECONDS = 0.2


class PubsubServer:
    """An embedded server; `async with` starts and stops it.

    Port 0 takes a free one; with `admin_port` None there is no admin endpoint.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 8085, admin_port: int | None = None) -> None:
        self.host = host
        self.port = port
        self.admin_port = admin_port
        self._client = PushClient()
        self.broker = Broker(lambda subscription: PushDispatcher(subscription, self._client))
        self._grpc: Any = None
        self._admin: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises OSError or RuntimeError when a port is taken."""
        options = [
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
        ]
        self._grpc = grpc.aio.server(options=options)
        self._grpc.add_generic_rpc_handlers(
            (publisher.handlers(self.broker), subscriber.handlers(self.broker))
        )
        self.port = self._grpc.add_insecure_port(f"{self.host}:{self.port}")
        await self._grpc.start()
        if self.admin_port is not None:
            self._admin = await admin.start(self.broker, self.host, self.admin_port)
            self.admin_port = self._admin.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse new calls, end the running ones, stop pushing."""
        if self._admin is not None:
            self._admin.close()
        self.broker.close()
        if self._grpc is not None:
            await self._grpc.stop(_STOP_SECONDS)
        await self._client.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
