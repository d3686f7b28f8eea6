"""A fan-out of 500 requests to one host that takes 50 ms to answer: the runner's client beside plain httpx.

Measured are the wall time, and, by the clock of the host, how many requests arrive in any second: with one runner that
has the whole rate, with four that take a quarter each, and with four that each believe themselves alone.

    python bench/pacing.py [--requests 500] [--rate 50]
"""

import argparse
import asyncio
import bisect
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection

import httpx

from tipoff_common.catalog import ScraperSpec
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.pacing import Pacer

ANSWER_SECONDS = 0.05
THREADS = 16
"""Deliveries that one runner handles at a time."""
LATENESS = 0.1
"""Seconds that a request may take from its turn to the host. The pacer spaces turns; what the machine and the network
make late arrives together with what comes after it, so the host may see that much of another second's requests."""
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
SPAWN = multiprocessing.get_context("spawn")


def serve(pipe: Connection) -> None:
    """Answer every request after 50 ms; send its port, and for each message the arrivals since the last."""
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    arrivals: list[float] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                arrivals.append(time.monotonic())
                await asyncio.sleep(ANSWER_SECONDS)
                writer.write(REPLY)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=512)
    pipe.send(server.sockets[0].getsockname()[1])
    while await asyncio.to_thread(pipe.recv):
        pipe.send(list(arrivals))
        arrivals.clear()
    server.close()


@contextmanager
def host() -> Iterator[tuple[str, Callable[[], list[float]]]]:
    """Serve a host; yield its URL and a function that takes the arrivals so far."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=serve, args=(theirs,))
    process.start()

    def arrivals() -> list[float]:
        ours.send(True)
        return sorted(ours.recv())

    try:
        yield f"http://127.0.0.1:{ours.recv()}/", arrivals
    finally:
        ours.send(False)
        process.join()


def spec(rate: float) -> ScraperSpec:
    """Describe a scraper with this rate."""
    return ScraperSpec.model_validate(
        {
            "name": "bench",
            "description": "a fan-out",
            "source": "bench",
            "parameters": {"game_date": {"type": "date", "required": True, "description": "the day"}},
            "output": "bench",
            "timeout_seconds": 540,
            "rate_limit": {"per_second": rate},
            "assertions": {"min": 1, "max": 1},
            "not_published": "never",
            "needs_games": False,
        }
    )


def plain(url: str, requests: int) -> None:
    """Ask one after the other over one connection, as a loop in a script does."""
    with httpx.Client() as client:
        for number in range(requests):
            client.get(f"{url}{number}").raise_for_status()


def runner(url: str, requests: int, rate: float, sharers: int) -> None:
    """Run as one runner's process: each request an execution with its own client, all with one pacer."""
    described, pacer, now = spec(rate), Pacer(sharers=sharers), datetime(2025, 1, 15, tzinfo=UTC)

    def execute(number: int) -> None:
        with HttpxHttp(described, now, pacer) as http:
            assert http.get(f"{url}{number}").body == b"{}"

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(execute, range(requests)))


def runners(url: str, requests: int, rate: float, count: int, sharers: int) -> None:
    """Run several runners' processes and wait for them."""
    processes = [
        SPAWN.Process(target=runner, args=(url, requests // count, rate, sharers)) for _ in range(count)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


def most_in_a_second(arrivals: Sequence[float]) -> int:
    """Count the most arrivals within any second."""
    return max(bisect.bisect_left(arrivals, start + 1.0) - place for place, start in enumerate(arrivals))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument(
        "--rate", type=float, default=50, help="requests a second that the host is to see at most"
    )
    options = parser.parse_args()
    requests, rate = options.requests, options.rate
    cases: tuple[tuple[str, Callable[[str], None], int | None], ...] = (
        ("plain httpx, one after the other", lambda url: plain(url, requests), None),
        ("1 runner", lambda url: runner(url, requests, rate, 1), 1),
        ("4 runners, a quarter of the rate each", lambda url: runners(url, requests, rate, 4, 4), 4),
        ("4 runners, each with the whole rate", lambda url: runners(url, requests, rate, 4, 1), None),
    )
    print(
        f"{requests} requests to a host that answers in {ANSWER_SECONDS * 1000:.0f} ms, rate limit {rate:g}/s"
    )
    print(f"{'':40}{'requests':>9}{'wall s':>8}{'per s':>7}{'most in 1 s':>13}{'allowed':>9}")
    with host() as (url, arrivals):
        for name, run, sharers in cases:
            run(url)
            seen = arrivals()
            wall = seen[-1] - seen[0] + ANSWER_SECONDS
            most, allowed = most_in_a_second(seen), rate * (1 + LATENESS) + sharers if sharers else None
            limit = f"{allowed:g}" if allowed else "-"
            print(f"{name:40}{len(seen):>9}{wall:>8.1f}{len(seen) / wall:>7.1f}{most:>13}{limit:>9}")
            assert allowed is None or most <= allowed, f"{name}: {most} requests in one second"


if __name__ == "__main__":
    main()
