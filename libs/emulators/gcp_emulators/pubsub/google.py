"""`python -m gcp_emulators.pubsub.google`: run Google's own emulator, where it is installed, until a signal ends it.

It is a Java program that comes with the Cloud SDK (`gcloud components install pubsub-emulator`, or the package
google-cloud-cli-pubsub-emulator). Starting its jar directly, rather than through gcloud, saves a second and a process
that would survive its parent. The Java virtual machine exits with 143 after a SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

JAR_VARIABLE = "PUBSUB_EMULATOR_JAR"
"""Environment variable with the path of the emulator's jar, when it is not in the Cloud SDK's folder."""

_SDK_ROOTS = (
    Path("/usr/lib/google-cloud-sdk"),
    Path("/usr/share/google-cloud-sdk"),
    Path("/opt/google-cloud-sdk"),
)
_JVM_FLAGS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Compile once and collect garbage in one thread: a third less CPU time in a run of a minute, and fewer messages per
second in a long one."""


class EmulatorUnavailableError(RuntimeError):
    """Google's emulator cannot run here; the text names the missing part."""


def find_installation() -> list[str]:
    """Return the command that starts the emulator's jar: `PUBSUB_EMULATOR_JAR`, otherwise the newest jar in the SDK
    beside gcloud or in a usual SDK folder.

    Raises EmulatorUnavailableError, naming the missing part.
    """
    java = shutil.which("java")
    if java is None:
        raise EmulatorUnavailableError("no java on PATH")
    named = os.environ.get(JAR_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise EmulatorUnavailableError(f"{JAR_VARIABLE}={named} is not a file")
        return [java, "-jar", named]
    jars = [jar for root in _sdk_roots() for jar in root.glob("platform/pubsub-emulator/lib/*-all.jar")]
    if not jars:
        raise EmulatorUnavailableError("the Cloud SDK's pubsub-emulator component is not installed")
    return [java, "-jar", str(max(jars, key=_version))]


def main() -> None:
    """Replace this process by the emulator. Exits with 1 when it is not installed."""
    parser = argparse.ArgumentParser(
        prog="python -m gcp_emulators.pubsub.google", description="Google's own Pub/Sub emulator."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8085, help="gRPC port (default 8085)")
    parser.add_argument("--short-run", action="store_true", help="start faster; slower in long runs")
    options = parser.parse_args()
    try:
        java, *jar = find_installation()
    except EmulatorUnavailableError as error:
        sys.exit(str(error))
    sys.stdout.flush()
    # Replace this process: as a parent it could end before the emulator does.
    os.execv(  # noqa: S606 - both paths were found above, not given by a request
        java,
        [
            java,
            *(_JVM_FLAGS if options.short_run else ()),
            *jar,
            f"--host={options.host}",
            f"--port={options.port}",
        ],
    )


def _sdk_roots() -> Iterator[Path]:
    gcloud = shutil.which("gcloud")
    if gcloud:
        yield Path(gcloud).resolve().parent.parent
    yield from _SDK_ROOTS
    yield Path.home() / "google-cloud-sdk"


def _version(jar: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", jar.name))


if __name__ == "__main__":
    main()
