"""An image smoke test on any machine, without Docker.

The test starts a service that is installed alone, as its image does, and checks the report of missing settings, the
health, a push with its real effect on the embedded cloud, and SIGTERM. `make prove-images` runs it.
"""

import http.client
import json
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from datetime import time as clock
from uuid import uuid4

from tipoff_common.binding import encode
from tipoff_common.clock import local_instant
from tipoff_common.events import Event, FileProcessed, ScrapeRequested, Source, Tick, TickFired
from tipoff_dev.images.build import InstalledService
from tipoff_dev.stack.layout import HOST, Layout, free_ports
from tipoff_dev.stack.stack import Stack

GAME_DAY = date(2025, 1, 15)
REQUIRED = ("TIPOFF_ENVIRONMENT", "TIPOFF_PROJECT", "TIPOFF_DATA_BUCKET", "TIPOFF_STATE_BUCKET")
STOP_SECONDS = 10.0
"""Time between SIGTERM and SIGKILL on Cloud Run and Docker
(https://cloud.google.com/run/docs/container-contract#instance-shutdown)."""
_START_SECONDS = 60.0
_POLL_SECONDS = 0.005
_USAGE_EXIT = 2
_STOPPED = (0, -15)
_FILES = ("TIPOFF_TOPICS_FILE", "TIPOFF_SCRAPERS", "TIPOFF_WORKFLOWS_FILE")
"""Unset for the probe: an image has these files at the default paths."""


class ProbeFailed(Exception):
    """The image fails the test; the message names the failed expectation."""


def settings_in_image(layout: Layout, service: str, port: int) -> dict[str, str]:
    """Return the stack's settings of `service`, without the paths of files."""
    settings = {**layout.service_environment(service), "PORT": str(port)}
    return {name: value for name, value in settings.items() if name not in _FILES}


def first_event(service: str, day: date = GAME_DAY) -> Event:
    """Return a small event about a game day to which `service` reacts with a real effect."""
    identity, morning = uuid4().hex, local_instant(day, clock(6))
    match service:
        case "controller":
            return TickFired(tick=Tick.LOCK_SCHEDULE, cadence_minutes=60, event_time=morning)
        case "scraper-runner":
            return ScrapeRequested(
                request_id=identity,
                workflow="morning_operations",
                step="nbac_schedule",
                scraper="nbac_schedule",
                game_date=day,
                parameters={"game_date": day.isoformat()},
                attempt=1,
                source=Source.MANUAL,
                triggered_by="probe",
                requested_at=datetime.now(UTC),
                event_time=morning,
            )
        case "cleanup":
            return TickFired(tick=Tick.CLEANUP, event_time=morning)
        case "monitor":
            return TickFired(tick=Tick.WATCH, cadence_minutes=5, event_time=morning)
        case "logger":
            return FileProcessed(
                gcs_path=f"gs://probe/{identity}",
                processor="probe",
                processed_at=morning,
                environment="local",
            )
    raise LookupError(f"no first event for {service}; add one")


def push_body(stack: Stack, event: Event) -> bytes:
    """Return the body of a push of an event."""
    data, attributes = encode(stack.publisher.envelope(event))
    message = {
        "data": b64encode(data).decode(),
        "attributes": attributes,
        "messageId": uuid4().hex,
        "publishTime": datetime.now(UTC).isoformat(),
    }
    return json.dumps({"message": message, "subscription": "projects/probe/subscriptions/probe"}).encode()


def wait_for_answer(process: subprocess.Popen[bytes], port: int, path: str, body: bytes | None = None) -> int:
    """Return the status of the first answer to a POST of `body`, or to a GET without one.

    Raises ProbeFailed when the process ends or does not answer in time.
    """
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(HOST, port, timeout=_START_SECONDS)
        try:
            connection.request("GET" if body is None else "POST", path, body)
            return connection.getresponse().status
        except ConnectionRefusedError:
            time.sleep(_POLL_SECONDS)
        finally:
            connection.close()
    raise ProbeFailed(f"does not answer; exit code {process.poll()}")


def probe(image: InstalledService, service: str, stack: Stack, day: date = GAME_DAY) -> None:
    """Start a service as its image does, push its first event, and stop it. Raises ProbeFailed."""
    _names_missing_settings(image)
    port = free_ports()[service]
    with _running(image, settings_in_image(stack.layout, service, port)) as process:
        _expect("GET /healthz", wait_for_answer(process, port, "/healthz"), 200)
        body = push_body(stack, first_event(service, day))
        _expect("a push without a token", wait_for_answer(process, port, "/events", body), 401)
        path = stack.layout.push_endpoint(service).removeprefix(stack.layout.url(service))
        _expect("a push", wait_for_answer(process, port, path, body), 204)
        _stops(process)


def _names_missing_settings(image: InstalledService) -> None:
    with _running(image, {}) as process:
        output, _ = process.communicate(timeout=_START_SECONDS)
    _expect("the exit code without settings", process.returncode, _USAGE_EXIT)
    _expect("missing settings not named", [name for name in REQUIRED if name not in output.decode()], [])


def _stops(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise ProbeFailed(f"runs on {STOP_SECONDS:g} s after SIGTERM") from error
    if process.returncode not in _STOPPED:
        raise ProbeFailed(f"exit code {process.returncode} after SIGTERM")


@contextmanager
def _running(image: InstalledService, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process for the length of a block; its output becomes part of a failure's message."""
    with image.start(settings, stderr=subprocess.STDOUT) as process:
        try:
            yield process
        except ProbeFailed as error:
            process.kill()
            output = process.communicate()[0].decode(errors="replace")[-2000:]
            raise ProbeFailed(f"{error}\n{output}") from error
        finally:
            process.kill()


def _expect(name: str, found: object, expected: object) -> None:
    if found != expected:
        raise ProbeFailed(f"{name}: {found}, where {expected} is expected")
