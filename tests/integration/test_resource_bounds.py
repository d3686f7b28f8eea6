"""Each service under a flood of pushes: it stays within its memory on Cloud Run and keeps responding.

The peak is the kernel's own (VmHWM). At full length each service also runs in a control group of its memory, where this
user may create one: one page more, and the kernel kills it. Documents that expand without end are parsed in a process
with a limit of its own (tests/unit/runner/test_parser.py).
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections import Counter
from collections.abc import Iterator

import pytest
import requests
from stack_harness import Driver, push_body, until
from tests.support.cgroups import MemoryBound, memory_bound
from tests.support.samples import NOON, executed

from tipoff_common.binding import Envelope, encode
from tipoff_common.events import Tick, TickFired
from tipoff_dev.stack.layout import HOST, SERVICE_MAP, SERVICES
from tipoff_dev.stack.processes import ForkedProcess

log = logging.getLogger(__name__)
CONNECTIONS = 200
SLOW_BODIES = 100
MEBIBYTES = {"512Mi": 512, "1Gi": 1024, "2Gi": 2048}
every_service = pytest.mark.parametrize("service", SERVICES)


def flood(service: str) -> bytes:
    """Return the body of a push that comes in thousands: the logger writes it as a row, other services ignore it."""
    if service == "logger":
        data, attributes = encode(Envelope(executed(), "flood", "/test", NOON))
    else:
        tick = TickFired(tick=Tick.ARCHIVE, cadence_minutes=15)
        data = tick.model_dump_json().encode()
        attributes = {"ce-specversion": "1.0", "ce-type": tick.TYPE, "ce-source": "/test"}
    return json.dumps(push_body(data, **attributes)).encode()


def hostile() -> Iterator[tuple[bytes, dict[str, str]]]:
    """Return bodies that are small on the wire or near the size limit, with their request headers."""
    zeros = gzip.compress(bytes(64 << 20))
    yield zeros, {"Content-Encoding": "gzip"}
    yield gzip.compress(zeros), {"Content-Encoding": "gzip, gzip"}
    yield b"[" * (9 << 20), {}
    yield b'{"message":' * 500_000, {}
    yield b'{"message": {"data": "' + b"A" * (9 << 20) + b'"}}', {}
    yield b"[" + b"{}," * 3_000_000 + b"{}]", {}
    yield b"9" * (9 << 20), {}
    yield bytes(12 << 20), {}


async def push(port: int, path: str, body: bytes, count: int) -> Counter[int]:
    """Send a body so many times, over many connections at once; return the count of each status."""
    fields = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    head = "\r\n".join((f"POST {path} HTTP/1.1", f"Host: {HOST}", *fields, "", ""))
    request, left, statuses = head.encode() + body, iter(range(count)), Counter[int]()

    async def send() -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        for _ in left:
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            statuses[int(answer.split(b" ", 2)[1])] += 1
            for line in answer.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line.partition(b":")[2]))
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(send() for _ in range(min(CONNECTIONS, count))))
    return statuses


async def dribble(port: int, path: str, seconds: float) -> None:
    """Send incomplete bodies, then close the connections."""
    writers = []
    for _ in range(SLOW_BODIES):
        _, writer = await asyncio.open_connection(HOST, port)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9000000\r\n\r\n".encode())
        writers.append(writer)
    for _ in range(3):
        await asyncio.sleep(seconds / 3)
        for writer in writers:
            writer.write(b"{")
    for writer in writers:
        writer.transport.abort()


def batter(driver: Driver, service: str, count: int) -> None:
    layout = driver.stack.layout
    port, path = layout.ports[service], f"/events?token={layout.development_key}"
    asyncio.run(dribble(port, path, 0.3))
    for body, fields in hostile():
        answer = requests.post(f"{layout.url(service)}{path}", data=body, headers=fields, timeout=90)
        assert answer.status_code < 500, (body[:20], answer.text[:200])
    statuses = asyncio.run(push(port, path, flood(service), count))
    assert statuses.total() == count
    assert set(statuses) <= {200, 204, 429, 503}, statuses  # accepted, or to be delivered again
    assert statuses[200] + statuses[204] > 0
    until(
        lambda: requests.get(f"{layout.url(service)}/readyz", timeout=90).ok, f"{service} to be ready again"
    )
    peak, limit = driver.megabytes(service, "VmHWM"), MEBIBYTES[SERVICE_MAP[service].memory]
    log.info("%s: %d pushes, %s, peak %.0f MiB of %d", service, count, dict(statuses), peak, limit)
    assert peak < limit


@every_service
def test_concurrent_slow_and_hostile_pushes_stay_within_memory(embedded: Driver, service: str) -> None:
    batter(embedded, service, 500)


@pytest.mark.slow
@pytest.mark.timeout(900)
@every_service
def test_ten_thousand_pushes_stay_within_memory(embedded: Driver, service: str) -> None:
    with memory_bound(MEBIBYTES[SERVICE_MAP[service].memory] << 20) as bound:
        process = start_anew(embedded, service, bound)
        batter(embedded, service, 10_000)
        assert process.poll() is None, "it was killed"
        if bound is None:
            log.info("%s: no control group can be made here; its peak was read instead", service)
        else:
            assert bound.kills() == 0
            log.info("%s: within a control group of %s", service, SERVICE_MAP[service].memory)


def start_anew(driver: Driver, service: str, bound: MemoryBound | None) -> ForkedProcess:
    """Start a service with its memory bound from its own first import on, and a peak of its own.

    The libraries that it shares with the fork server count in its peak and are not charged to its control group.
    """
    process = driver.stack.processes.restart(service).process
    if bound is not None:
        bound.add(process.pid)

    def ready() -> bool:
        try:
            return requests.get(f"{driver.stack.layout.url(service)}/readyz", timeout=5).ok
        except requests.ConnectionError:
            return False

    until(ready, f"{service} to be ready")
    return process
