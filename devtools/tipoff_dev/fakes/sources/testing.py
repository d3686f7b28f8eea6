"""The fake sources without a port, for tests."""

import asyncio

import httpx
from fastapi import FastAPI

from tipoff_dev.fakes.sources.hosts import HOSTS
from tipoff_scraper_runner.fake_sources import FakeSources

FAKE_URL = "http://fake-sources"
FAKES = FakeSources(dict.fromkeys(HOSTS, FAKE_URL))
"""Settings with which the runner reaches an application behind `InProcessTransport`."""


class InProcessTransport(httpx.BaseTransport):
    """A transport of a synchronous `httpx.Client` to an application in this process."""

    def __init__(self, app: FastAPI) -> None:
        self._asgi = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request to the application, without a network."""
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._asgi.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


def in_process_client(app: FastAPI) -> httpx.Client:
    """Return a client whose relative URLs reach `app`."""
    return httpx.Client(transport=InProcessTransport(app), base_url=FAKE_URL)
