"""A running stack whose every connection goes through the proxy, and the event log of its faults and effects."""

import json
import logging
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud.pubsub_v1 import SubscriberClient

from tests.chaos.proxy import HOST, ChaosLog, FaultyLink, Proxies, Reader, Writer, read_body
from tests.simulation.checker import TABLE_OF, Violation, check
from tipoff_cli.checkout import TOPICS
from tipoff_common.clock import local_instant
from tipoff_common.events import Tick, TickFired
from tipoff_common.topics import load_topics
from tipoff_dev.stack.layout import PROJECT, SERVICES, Layout, free_ports
from tipoff_dev.stack.stack import Stack, StackOptions, running_stack

log = logging.getLogger(__name__)
PROGRESS_SECONDS = 10.0
"""Seconds between two progress messages."""
SOURCE = "source.example"
UNITS = 4
WORKFLOWS = ("first", "second")
SCRAPER = '''
"""`{name}`: one document a unit."""

import json

from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters


class Parameters(ScrapeParameters):
    """`unit` tells one request from another."""

    unit: str


class Row(Record):
    unit: str


def fetch(parameters: Parameters, http: Http) -> Payload:
    url = f"https://{host}/{name}/{{parameters.game_date}}/{{parameters.unit}}"
    return Payload(http.get(url).body, url, "json")


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    return Parsed(records=[Row.model_validate(row) for row in json.loads(payload)])
'''
SPEC = """
name: {name}
description: One document a unit
source: under_fire
parameters:
  game_date: {{type: date, required: true, description: the day}}
  unit: {{type: string, required: true, description: tells one request from another}}
output: under_fire/{name}
timeout_seconds: 5
rate_limit: {{per_second: 50}}
assertions: {{min: 1, max: 10}}
not_published: never
needs_games: false
"""


def write_fleet(folder: Path) -> None:
    """Write two workflows that fan one scraper out over units, and a calendar that never lands."""
    for name in (*WORKFLOWS, "games"):
        place = folder / "fleet/under_fire" / name
        place.mkdir(parents=True)
        (place / "scraper.py").write_text(SCRAPER.format(name=name, host=SOURCE))
        (place / "scraper.yaml").write_text(SPEC.format(name=name))
    units = {"parameter": "unit", "values": [f"unit-{number}" for number in range(UNITS)]}
    workflows = {
        name: {
            "description": "all units",
            "max_retries": 3,
            "schedule": {"kind": "daily", "window": {"start": start, "end": "22:00"}},
            "steps": [{"scraper": name, "for_each": units}],
        }
        for name, start in zip(WORKFLOWS, ("05:00", "07:00"), strict=True)
    }
    (folder / "workflows.yaml").write_text(
        json.dumps(
            {
                "version": 1,
                "timezone": "America/New_York",
                "calendar": {"scraper": "games"},
                "workflows": workflows,
            }
        )
    )


@dataclass(frozen=True)
class ProxiedLayout(Layout):
    """A stack whose services connect, and are reached, only through the proxy."""

    fleet: str = ""
    proxy_ports: tuple[tuple[str, str, int], ...] = ()
    source: int = 0

    def push_endpoint(self, service: str) -> str:
        return f"http://{HOST}:{self._proxy_port(service, 'push')}/events?token={self.development_key}"

    def service_environment(self, service: str) -> dict[str, str]:
        return {
            **super().service_environment(service),
            "PUBSUB_EMULATOR_HOST": f"{HOST}:{self._proxy_port(service, 'pubsub')}",
            "BIGQUERY_EMULATOR_HOST": f"http://{HOST}:{self._proxy_port(service, 'bigquery')}",
            "STORAGE_EMULATOR_HOST": f"http://{HOST}:{self._proxy_port(service, 'storage')}",
        }

    def _proxy_port(self, service: str, part: str) -> int:
        return next(port for name, to, port in self.proxy_ports if (name, to) == (service, part))

    def _own_settings(self) -> dict[str, dict[str, str]]:
        own = {
            name: {**values, "TIPOFF_SCRAPERS": self.fleet}
            for name, values in super()._own_settings().items()
        }
        own["scraper-runner"]["TIPOFF_FAKE_SOURCES"] = json.dumps({SOURCE: f"http://{HOST}:{self.source}"})
        return own


@dataclass
class RecordingSource:
    """The only source: it has every document, and records the path and time of each request."""

    record: ChaosLog
    fetches: list[tuple[float, str]] = field(default_factory=list)

    async def serve(self, reader: Reader, writer: Writer) -> None:
        """Answer the requests of one connection."""
        with suppress(OSError, EOFError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                await read_body(reader, head)
                path = head.split(b" ", 2)[1].decode()
                self.fetches.append((time.time(), path))
                body = json.dumps([{"unit": path.rpartition("/")[2]}]).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                    % (len(body), body)
                )
                await writer.drain()
        writer.transport.abort()


@dataclass
class MessageRecorder:
    """A subscriber to every topic, past the proxy, that keeps all messages."""

    stack: Stack
    messages: list[Any] = field(default_factory=list)
    _closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        with self.stack.clients():
            self._client = SubscriberClient()
        self._threads = []
        for topic in load_topics(TOPICS).topics:
            name = self._client.subscription_path(PROJECT, f"recorder-{topic}")
            self._client.create_subscription(name=name, topic=f"projects/{PROJECT}/topics/{topic}")
            self._threads.append(threading.Thread(target=self._listen, args=(name,), daemon=True))
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Receive the remaining messages and close."""
        self._closing.set()
        for thread in self._threads:
            thread.join(60)
        self._client.close()

    def _listen(self, name: str) -> None:
        while True:
            closing = self._closing.is_set()
            try:
                pulled = self._client.pull(subscription=name, max_messages=500, timeout=1.0).received_messages
            except GoogleAPICallError:  # no message left, which the client raises as a timeout
                pulled = []
            if pulled:
                self.messages += [item.message for item in pulled]
                self._client.acknowledge(subscription=name, ack_ids=[item.ack_id for item in pulled])
            elif closing:
                return


class ChaosWorld:
    """The stack, its faults, and their recorded effects."""

    def __init__(self, stack: Stack, proxies: Proxies, record: ChaosLog, source: RecordingSource) -> None:
        self.stack, self.proxies, self.record, self._source = stack, proxies, record, source
        self.recorder = MessageRecorder(stack)
        self.ticks = 0

    def tick(self, tick: Tick, day: date, hour: int) -> None:
        """Fire a tick for an hour of New York."""
        self.ticks += 1
        instant = local_instant(day, datetime.min.time()) + timedelta(hours=hour)
        self.stack.publisher.publish([TickFired(tick=tick, cadence_minutes=15, event_time=instant)])

    def day(self, day: date) -> None:
        """Fire a day's ticks: one for each workflow to begin at, and one for the rest of both."""
        self.tick(Tick.LOCK_SCHEDULE, day, 5)
        for hour in (5, 7, 9):
            self.tick(Tick.EVALUATE, day, hour)

    def kill(self, name: str) -> None:
        """End a process with SIGKILL and start it anew, without waiting until it is ready."""
        self.record.counts["kill"] += 1
        child = self.stack.processes.children[name]
        child.process.kill()
        child.process.wait()
        # Only once it has ended, so that its last effects precede the entry.
        self.record.add("crash", name, where="SIGKILL")
        self.stack.processes.restart(name)

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """Suspend a process for the length of a block: its connections stay open."""
        self.record.add("pause", name)
        self.record.counts["pause"] += 1
        process = self.stack.processes.children[name].process
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.record.add("pause", name)
            process.send_signal(signal.SIGCONT)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Let no file of the object store grow for the length of a block."""
        for service in SERVICES:
            self.record.add("fault", service, what="storage: the disk is full")
        self.record.counts["full disk"] += 1
        pid = self.stack.processes.children["storage"].process.pid
        prlimit(pid, RLIMIT_FSIZE, (1, RLIM_INFINITY))
        try:
            yield
        finally:
            prlimit(pid, RLIMIT_FSIZE, (RLIM_INFINITY, RLIM_INFINITY))
            for service in SERVICES:
                self.record.add("fault", service, what="storage: the disk was full")

    def wait_until_ready(self, *names: str) -> None:
        """Wait until restarted processes answer."""
        for name in names:
            self.stack.wait_for(self._answers(name), f"{name} to be ready", 90)

    def _answers(self, name: str) -> Callable[[], bool]:
        if name in SERVICES:
            return self.stack._http(f"{self.stack.layout.url(name)}/readyz")
        return self.stack._tcp(name)

    def settle(self, seconds: float) -> Mapping[str, int]:
        """Wait until no message is unacknowledged. Return those left when the count has not fallen for so long.

        The total time depends on the machine, so only a standstill counts.
        """
        reported_at = progressed_at = time.monotonic()
        lowest: int | None = None
        while left := self.unacknowledged():
            now, count = time.monotonic(), sum(left.values())
            if lowest is None or count < lowest:
                lowest, progressed_at = count, now
            if now > progressed_at + seconds:
                return left
            if now > reported_at + PROGRESS_SECONDS:
                reported_at = now
                log.info("waiting for %s", dict(left))
            time.sleep(0.2)
        return {}

    def unacknowledged(self) -> Mapping[str, int]:
        """Return the unacknowledged messages, by subscription, without the recorder's own."""
        return {
            name.rpartition("/")[2]: count
            for name, count in self.stack.backlog().items()
            if count and "/recorder-" not in name
        }

    def verdict(self) -> list[Violation]:
        """Write the content of the dataset, the bucket and the topics into the log, and check it."""
        left = self.settle(0)
        self.recorder.close()
        events = self.record.log
        requests_of: dict[str, list[tuple[float, str]]] = {}
        for message in sorted(self.recorder.messages, key=lambda it: it.publish_time):
            self._add_publication(message, requests_of)
        for at, path in self._source.fetches:
            # A fetch belongs to the last request for its unit before this instant.
            earlier = [request for since, request in requests_of.get(path, ()) if since <= at]
            self.record.add(
                "fetch", "scraper-runner", at=at, scraper=path.split("/")[2], subject=path,
                request=earlier[-1] if earlier else None, found=True,
            )  # fmt: skip
        data = self.stack.data
        for item in data.list(""):
            self.record.add(
                "object", "storage", at=item.updated.timestamp(), op="create", won=True, bucket=data.bucket,
                name=item.name,
            )  # fmt: skip
        for table in (*TABLE_OF.values(), "dead_letters"):
            for row in self.stack.warehouse.query(f"SELECT * FROM nba_orchestration.{table}", {}):  # noqa: S608
                identity = row["schedule_row_id"] if table == "daily_expected_schedule" else row["event_id"]
                self.record.add(
                    "row", "logger", at=row["created_at"].timestamp(), table=table, row_id=identity,
                    row={name: _decoded(value) for name, value in row.items()},
                )  # fmt: skip
        # A replay's deadlines are months ago, so only simulated time can check missed deadlines.
        events.entries.sort(key=lambda entry: entry.at)
        events.entries.insert(
            0,
            type(events.entries[0])(
                0.0, "begin", "test", {"began": 0.0, "follow_ups": [], "data": data.bucket}
            ),
        )
        self.record.add("end", "test", open=[[name, str(count), ""] for name, count in left.items()])
        return check(events)

    def _add_publication(self, message: Any, requests_of: dict[str, list[tuple[float, str]]]) -> None:
        at, attributes = message.publish_time.timestamp(), dict(message.attributes)
        event_type, data = attributes.get("ce-type", ""), message.data.decode()
        body = json.loads(data)
        if event_type == "tipoff.scrape.requested.v1":
            unit = body["parameters"]["unit"]
            path = f"/{SOURCE}/{body['scraper']}/{body['game_date']}/{unit}"
            requests_of.setdefault(path, []).append((at, body["request_id"]))
        self.record.add(
            "publish", attributes.get("ce-source", "?"), at=at, type=event_type, id=attributes.get("ce-id", ""),
            digest=data, data=data,
        )  # fmt: skip


def _decoded(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        with suppress(ValueError):
            return json.loads(value)
    return value


@contextmanager
def chaos_world(folder: Path, seed: int) -> Iterator[ChaosWorld]:
    """Run a stack under the proxy for the length of a block, at first without faults."""
    write_fleet(folder)
    proxies, record = Proxies(), ChaosLog()
    source = RecordingSource(record)
    # All of these listen first: the chosen ports stay unbound until the stack has started.
    links = [
        proxies.open(
            FaultyLink(
                service,
                part,
                record,
                random.Random(f"{seed}/{service}/{part}"),  # noqa: S311  # no secret
            )
        )
        for service in (*SERVICES, "phase2")
        for part in ("pubsub", "bigquery", "storage", "push")
    ]
    at_source = proxies.open(
        FaultyLink("scraper-runner", "source", record, random.Random(f"{seed}/source"))  # noqa: S311  # no secret
    )
    at_source.target = proxies.serve(source.serve)
    ports = free_ports()
    for link in links:
        link.target = ports[link.service if link.part == "push" else link.part]
    layout = ProxiedLayout(
        ports,
        True,
        "development-key",
        folder / "workflows.yaml",
        fleet=str(folder / "fleet"),
        proxy_ports=tuple((link.service, link.part, link.port) for link in links),
        source=at_source.port,
    )
    try:
        with running_stack(
            layout, folder, StackOptions(minimum_backoff=0.1, maximum_backoff=1.0, data=folder / "data")
        ) as stack:
            yield ChaosWorld(stack, proxies, record, source)
    finally:
        proxies.close()
