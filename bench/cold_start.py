"""Cold start and memory of each service, installed and started as its image has it.

    python bench/cold_start.py [--repetitions 5] [--json]

Each service is installed by the Dockerfile's own instructions, byte-compiled, and started by its CMD. Against an
embedded cloud that runs already it is started over and over; measured are the time from spawn to the first answered
push (204, after its real effect: a schedule published, a scrape run, a cleanup reported, a row appended) and the
resident memory after it, from /proc. A start of its own tells which packages take longest to import. Exit code 1 when
the median of a service misses an aim.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from arguments import bench_parser
from tipoff_dev.images.__main__ import first_event, push_body, settings_in_image, wait_for_answer
from tipoff_dev.images.build import InstalledService, build_wheels, install_alone
from tipoff_dev.stack.layout import SERVICES, Layout, free_ports
from tipoff_dev.stack.stack import Stack, running_stack

AIM_SECONDS = 6.0
AIM_MEGABYTES = 150.0
TOP = 8
PROFILED = {"PYTHONPROFILEIMPORTTIME": "1"}


@dataclass(frozen=True)
class Start:
    """One start. megabytes: resident memory after the first answer."""

    seconds: float
    megabytes: float


@contextmanager
def started(
    image: InstalledService, settings: Mapping[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Return the service beside the one in the stack; its output is in `folder`."""
    with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        process = image.start(settings, stdout=stdout, stderr=stderr)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def resident_megabytes(pid: int) -> float:
    """Read the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(f"no VmRSS of process {pid}")


def start_once(image: InstalledService, service: str, stack: Stack, extra: Mapping[str, str] = {}) -> Start:
    """Start a service and push its first event; measure how long that took."""
    port = free_ports()[service]
    settings = {**settings_in_image(stack.layout, service, port), **extra}
    body = push_body(stack, first_event(service))
    path = stack.layout.push_endpoint(service).removeprefix(stack.layout.url(service))
    begun = time.perf_counter()
    with started(image, settings, image.root) as process:
        status = wait_for_answer(process, port, path, body)
        assert status == 204, f"{service} answered the push {status}"
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
    """Sum up the starts of one service."""
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
    """Print a row for each service."""
    print("from spawn to the first answered push, and resident memory after it")
    print(f"median of {repetitions}; aim: {AIM_SECONDS:g} s, {AIM_MEGABYTES:g} MB\n")
    print(f"{'service':<16}{'seconds':>9}{'min':>7}{'max':>7}{'MB':>8}")
    for service, result in results.items():
        print(
            f"{service:<16}{result['seconds']:>9.2f}{result['seconds_min']:>7.2f}{result['seconds_max']:>7.2f}"
            f"{result['megabytes']:>8.1f}  {'pass' if result['ok'] else 'FAIL'}"
        )


def show_imports(profiles: Mapping[str, Mapping[str, float]]) -> None:
    """Print what each service's imports take."""
    for service, profile in profiles.items():
        print(f"\n{service}: imports, cumulative ms (one inside another counts in both)")
        for package, milliseconds in profile.items():
            print(f"  {package:<28}{milliseconds:>8.1f}")


def main() -> None:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    results, profiles = {}, {}
    with tempfile.TemporaryDirectory(prefix="tipoff-bench-") as name:
        folder = Path(name)
        wheels = build_wheels(folder / "wheels", SERVICES)
        images = {
            service: install_alone(service, folder / service, wheels, compiled=True) for service in SERVICES
        }
        with running_stack(Layout.on_free_ports(event_time=True), folder / "stack", phase2=None) as stack:
            for service, image in images.items():
                starts = [start_once(image, service, stack) for _ in range(arguments.repetitions)]
                results[service] = summary(starts)
                start_once(image, service, stack, PROFILED)
                profiles[service] = imports((image.root / "stderr").read_text(errors="replace"))
    if arguments.json:
        print(json.dumps({"services": results, "imports": profiles}))
    else:
        show(results, arguments.repetitions)
        show_imports(profiles)
    sys.exit(0 if all(result["ok"] for result in results.values()) else 1)


if __name__ == "__main__":
    main()
