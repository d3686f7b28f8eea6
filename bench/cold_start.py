"""Cold start and memory of each service, installed and started as in its image.

    python -m bench.cold_start [--repetitions 5] [--json]

Each service is installed by the Dockerfile's own instructions, byte-compiled, and started by its CMD, several times,
against an embedded cloud that runs already. Measured are the time from spawn to the first answered push (204, after its
real effect: a schedule published, a scrape run, a cleanup reported, a row appended) and the resident memory after it,
from /proc. Exit code 1 when the median of a service misses an aim. `python -X importtime -m PACKAGE` shows the packages
that take longest to import.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from bench.command import Figures, run
from bench.measures import resident_mib
from tipoff_dev.images.build import InstalledService, build_wheels, install_service
from tipoff_dev.images.probe import first_event, push_body, settings_in_image, wait_for_answer
from tipoff_dev.stack.layout import SERVICES, Layout, free_ports
from tipoff_dev.stack.stack import Stack, StackOptions, running_stack

AIM_SECONDS = 6.0
AIM_MIB = 150.0


def start_once(image: InstalledService, service: str, stack: Stack) -> tuple[float, float]:
    """Start a service and push its first event; return the seconds until it answered, and its memory then."""
    port = free_ports()[service]
    settings = settings_in_image(stack.layout, service, port)
    body = push_body(stack, first_event(service))
    path = stack.layout.push_endpoint(service).removeprefix(stack.layout.url(service))
    begun = time.perf_counter()
    with (image.root / "log").open("wb") as log, image.start(settings, stdout=log, stderr=log) as process:
        try:
            status = wait_for_answer(process, port, path, body)
            assert status == 204, f"{service} answered the push {status}"
            return time.perf_counter() - begun, resident_mib(process.pid)
        finally:
            process.terminate()


def measure(image: InstalledService, service: str, stack: Stack, repetitions: int) -> dict[str, float]:
    """Start a service several times; return medians and extremes."""
    starts = [start_once(image, service, stack) for _ in range(repetitions)]
    seconds, memory = zip(*starts, strict=True)
    return {
        "seconds": round(statistics.median(seconds), 2),
        "seconds_min": round(min(seconds), 2),
        "seconds_max": round(max(seconds), 2),
        "mib": round(statistics.median(memory), 1),
    }


def main(repetitions: int = 5) -> Figures:
    """Measure."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="tipoff-bench-") as name:
        folder = Path(name)
        wheels = build_wheels(folder / "wheels")
        images = {
            service: install_service(service, folder / service, wheels, compiled=True) for service in SERVICES
        }
        with running_stack(
            Layout.on_free_ports(event_time=True), folder / "stack", StackOptions(phase2=None)
        ) as stack:
            for service, image in images.items():
                found[service] = measure(image, service, stack, repetitions)
    aims = {
        f"{service} answers within {AIM_SECONDS:g} s, in {AIM_MIB:g} MiB": (
            one["seconds"] <= AIM_SECONDS and one["mib"] <= AIM_MIB
        )
        for service, one in found.items()
    }
    return {"service": found, "aims": aims}


if __name__ == "__main__":
    run(main)
