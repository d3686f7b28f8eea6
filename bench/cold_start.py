"""Cold start and memory of each service, installed and started as its image has it.

    python bench/cold_start.py [--repetitions 5] [--imports] [--json]

Each service gets a virtual environment with nothing but its own pinned requirements, byte-compiled. Against an
embedded cloud that runs already it is started over and over; measured are the time from spawn to the first answered
push (204, after its real effect: a schedule published, a scrape run, a cleanup reported, a row appended) and the
resident memory after it, from /proc. `--imports` adds which packages took longest to import. Exit code 1 when the
median of a service misses an aim.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from datetime import time as clock
from pathlib import Path
from uuid import uuid4

from tipoff_common.binding import encode
from tipoff_common.clock import eastern
from tipoff_common.events import Event, FileProcessed, ScrapeRequested, Source, Tick, TickFired
from tipoff_local.alone import install_alone
from tipoff_local.stack.layout import HOST, SERVICES, Layout, free_ports
from tipoff_local.stack.stack import Stack, running_stack

AIM_SECONDS = 6.0
AIM_MEGABYTES = 150.0
GAME_DAY = date(2025, 1, 15)
MORNING = eastern(GAME_DAY, clock(6))
TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.005
TOP = 8


@dataclass(frozen=True)
class Start:
    """One start. megabytes: resident memory after the first answer."""

    seconds: float
    megabytes: float


def first_event(service: str) -> Event:
    """A small event that `service` has a real effect for."""
    identity = uuid4().hex
    match service:
        case "controller":
            return TickFired(tick=Tick.LOCK_SCHEDULE, cadence_minutes=60, event_time=MORNING)
        case "scraper-runner":
            return ScrapeRequested(
                request_id=identity,
                workflow="morning_operations",
                step="nbac_schedule",
                scraper="nbac_schedule",
                game_date=GAME_DAY,
                parameters={"game_date": GAME_DAY.isoformat()},
                attempt=1,
                source=Source.MANUAL,
                triggered_by="bench",
                requested_at=datetime.now(UTC),
                event_time=MORNING,
            )
        case "cleanup":
            return TickFired(tick=Tick.CLEANUP, event_time=MORNING)
        case "logger":
            return FileProcessed(
                gcs_path=f"gs://bench/{identity}",
                processor="bench",
                processed_at=MORNING,
                environment="local",
            )
    raise LookupError(f"no first event for {service}; add one")


def push_body(stack: Stack, event: Event) -> bytes:
    data, attributes = encode(stack.publisher.envelope(event))
    message = {
        "data": b64encode(data).decode(),
        "attributes": attributes,
        "messageId": uuid4().hex,
        "publishTime": datetime.now(UTC).isoformat(),
    }
    return json.dumps({"message": message, "subscription": "projects/bench/subscriptions/bench"}).encode()


@contextmanager
def started(
    python: Path, service: str, layout: Layout, port: int, folder: Path, *flags: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The service as a process of its own, beside the one in the stack; its output is in `folder`."""
    environment = {**layout.service_environment(service), "PORT": str(port), "PATH": os.environ["PATH"]}
    with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [str(python), *flags, "-m", SERVICES[service]],
            env=environment,
            cwd=folder,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def wait_for_answer(process: subprocess.Popen[bytes], port: int, path: str, body: bytes) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == 204, f"the push was answered {answer.status}: {answer.read()!r}"
            return
        except ConnectionRefusedError:
            time.sleep(POLL_SECONDS)
        finally:
            connection.close()
    raise SystemExit(f"{process.args!r} did not answer; exit code {process.poll()}")


def resident_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(f"no VmRSS of process {pid}")


def start_once(python: Path, service: str, stack: Stack, folder: Path, *flags: str) -> Start:
    port = free_ports()[service]
    body = push_body(stack, first_event(service))
    path = stack.layout.push_endpoint(service).removeprefix(stack.layout.url(service))
    begun = time.perf_counter()
    with started(python, service, stack.layout, port, folder, *flags) as process:
        wait_for_answer(process, port, path, body)
        return Start(time.perf_counter() - begun, resident_megabytes(process.pid))


def imports(report: str) -> dict[str, float]:
    """Cumulative milliseconds by package, the longest first, from what `-X importtime` wrote."""
    longest: dict[str, float] = {}
    for line in report.splitlines():
        if not line.startswith("import time:") or "cumulative" in line:
            continue
        _, cumulative, module = line.removeprefix("import time:").split("|")
        parts = module.strip().split(".")
        package = ".".join(parts[: 3 if parts[0] == "google" else 1])
        longest[package] = max(longest.get(package, 0.0), int(cumulative) / 1000)
    return dict(sorted(longest.items(), key=lambda item: -item[1])[:TOP])


def summary(starts: list[Start]) -> dict[str, float | bool]:
    seconds = [start.seconds for start in starts]
    median, memory = statistics.median(seconds), statistics.median(start.megabytes for start in starts)
    return {
        "seconds": round(median, 2),
        "seconds_min": round(min(seconds), 2),
        "seconds_max": round(max(seconds), 2),
        "megabytes": round(memory, 1),
        "ok": median <= AIM_SECONDS and memory <= AIM_MEGABYTES,
    }


def show(results: Mapping[str, Mapping[str, float | bool]], repetitions: int) -> None:
    print("from spawn to the first answered push, and resident memory after it")
    print(f"median of {repetitions}; aim: {AIM_SECONDS:g} s, {AIM_MEGABYTES:g} MB\n")
    print(f"{'service':<16}{'seconds':>9}{'min':>7}{'max':>7}{'MB':>8}")
    for service, result in results.items():
        print(
            f"{service:<16}{result['seconds']:>9.2f}{result['seconds_min']:>7.2f}{result['seconds_max']:>7.2f}"
            f"{result['megabytes']:>8.1f}  {'pass' if result['ok'] else 'FAIL'}"
        )


def show_imports(profiles: Mapping[str, Mapping[str, float]]) -> None:
    for service, profile in profiles.items():
        print(f"\n{service}: imports, cumulative ms (one inside another counts in both)")
        for package, milliseconds in profile.items():
            print(f"  {package:<28}{milliseconds:>8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument(
        "--imports", action="store_true", help="profile the imports too, in a start of its own"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    results, profiles = {}, {}
    with tempfile.TemporaryDirectory(prefix="tipoff-bench-") as name:
        folder = Path(name)
        pythons = {service: install_alone(service, folder / service, compiled=True) for service in SERVICES}
        with running_stack(Layout.on_free_ports(event_time=True), folder / "stack", phase2=None) as stack:
            for service, python in pythons.items():
                start = [
                    start_once(python, service, stack, folder / service) for _ in range(arguments.repetitions)
                ]
                results[service] = summary(start)
                if arguments.imports:
                    start_once(python, service, stack, folder / service, "-X", "importtime")
                    profiles[service] = imports((folder / service / "stderr").read_text(errors="replace"))
    if arguments.json:
        print(json.dumps({"services": results, **({"imports": profiles} if profiles else {})}))
    else:
        show(results, arguments.repetitions)
        show_imports(profiles)
    sys.exit(0 if all(result["ok"] for result in results.values()) else 1)


if __name__ == "__main__":
    main()
