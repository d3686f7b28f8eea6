"""Pushes as Pub/Sub sends them, over a given number of connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.support.pushes import push_body
from tests.support.samples import GAME_DATE, executed

from gcp_emulators.pubsub.push_client import PushClient
from tipoff_common.binding import encode
from tipoff_common.events import ScrapeExecuted
from tipoff_common.publisher import Publisher
from tipoff_common.testing import RecordingBus

TIMEOUT_SECONDS = 60.0


@dataclass
class Load:
    """Measurements of a load: total seconds, seconds of each push, and the number of pushes without a success."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def per_second(self) -> float:
        """Answered pushes a second."""
        return len(self.latencies) / self.seconds


def execution(name: str, at: datetime) -> ScrapeExecuted:
    """Return an execution as the runner publishes it, with ids and a summary of the usual size."""
    game = {"game_date": GAME_DATE.isoformat(), "game_id": "0022400561"}
    return executed(
        execution_id=name,
        request_id=name,
        occurrence_id="5d0c1f5e-8a55-5b8e-9d0a-6f6f2f0c3c11",
        decision_id="1f0b6c1e-0a51-5b1e-8d0a-aaaa2f0c3c11",
        run_id="8c0c1f5e-8a55-4b8e-9d0a-6f6f2f0c3c11",
        scraper_name="nbac_player_boxscore",
        workflow="post_game_collection",
        parameters=game,
        opts=game,
        data_summary={"record_count": 26, "games": {"0022400561": {"expected": 26, "got": 26}}},
        triggered_at=at,
        completed_at=at,
    )


def pushes(names: Sequence[str]) -> Iterator[bytes]:
    """Return an execution's push for each name, all built in advance, so that only sending remains to be measured."""
    at, publisher = datetime.now(UTC), Publisher("scraper-runner", RecordingBus())
    envelopes = (publisher.envelope(execution(name, at)) for name in names)
    return iter([push_body(*encode(envelope), message_id=envelope.id) for envelope in envelopes])


async def send(endpoints: Sequence[str], bodies: Iterator[bytes], connections: int) -> Load:
    """Send every push to every endpoint, over `connections` connections each: all endpoints get the same load at the
    same time."""
    client, load = PushClient(), Load()

    async def lane() -> None:
        # Send the next push as soon as all endpoints have answered the last one.
        for body in bodies:
            began = time.perf_counter()
            posts = (client.post(endpoint, body, TIMEOUT_SECONDS) for endpoint in endpoints)
            statuses = await asyncio.gather(*posts)
            load.latencies.append(time.perf_counter() - began)
            load.refused += sum(status // 100 != 2 for status in statuses)

    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(connections)))
    load.seconds = time.perf_counter() - began
    await client.close()
    return load
