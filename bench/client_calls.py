"""CPU of a conditional upload and of a published message, by Google's clients and by the adapters' own calls.

    python bench/client_calls.py [--calls 1000] [--threads 8] [--json]

Both against the embedded servers, whose own CPU a call is printed beside: what an execution costs is the sum of both.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.types import BatchSettings
from google.cloud.storage.retry import DEFAULT_RETRY

from gcp_emulators.testing import Emulator, running
from tipoff_common.adapters.pubsub import PubSubTopics
from tipoff_common.adapters.storage import GcsObjects, storage_client

BODY = json.dumps({"records": [{"unit": str(number)} for number in range(40)]}).encode()
METADATA = {"fetched-at": "2025-01-15T17:00:00+00:00", "request": "x" * 400}
TOPIC = "bench-topic"


def server_seconds(emulator: Emulator) -> float:
    """User and system time of an emulator so far."""
    fields = Path(f"/proc/{emulator.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(call: Callable[[str], object], emulator: Emulator, calls: int, threads: int) -> dict[str, float]:
    """Measure the CPU milliseconds of a call, here and there, over `calls` calls from so many threads."""
    call("warm-up")
    there, here = server_seconds(emulator), time.process_time()

    def some(first: int) -> None:
        for number in range(first, calls, threads):
            call(str(number))

    workers = [threading.Thread(target=some, args=(first,)) for first in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {
        "client_ms": round((time.process_time() - here) / calls * 1e3, 2),
        "server_ms": round((server_seconds(emulator) - there) / calls * 1e3, 2),
    }


def uploads(calls: int, threads: int) -> dict[str, dict[str, float]]:
    """Create-if-absent both ways."""
    with running("storage") as emulator:
        os.environ.update([emulator.variable])
        client = storage_client("bench", emulator.url, threads)
        client.create_bucket("bench")
        objects, bucket = GcsObjects(client, "bench"), client.bucket("bench")

        def by_google(name: str) -> None:
            blob = bucket.blob(f"google/{name}")
            blob.metadata = METADATA
            blob.upload_from_string(BODY, if_generation_match=0, retry=DEFAULT_RETRY)

        return {
            "google-cloud-storage": measure(by_google, emulator, calls, threads),
            "adapter": measure(
                lambda name: objects.create(f"lean/{name}", BODY, metadata=METADATA), emulator, calls, threads
            ),
        }


def publications(calls: int, threads: int) -> dict[str, dict[str, float]]:
    """Publish a message and wait for it, by each client."""
    with running("pubsub") as emulator:
        os.environ.update([emulator.variable])
        publisher = PublisherClient(batch_settings=BatchSettings(max_latency=0.005))
        path = publisher.topic_path("bench", TOPIC)
        publisher.create_topic(name=path)
        topics = PubSubTopics("bench")
        attributes = {f"ce-{number}": "x" * 30 for number in range(8)}
        return {
            "google-cloud-pubsub": measure(
                lambda _: publisher.publish(path, BODY, **attributes).result(), emulator, calls, threads
            ),
            "adapter": measure(
                lambda _: topics.publish_messages([(TOPIC, BODY, attributes)]), emulator, calls, threads
            ),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    found = {
        "upload": uploads(arguments.calls, arguments.threads),
        "publish": publications(arguments.calls, arguments.threads),
    }
    if arguments.json:
        print(json.dumps(found))
        return
    for kind, ways in found.items():
        for way, values in ways.items():
            print(f"{kind:<8} {way:<22} client {values['client_ms']} ms, server {values['server_ms']} ms")


if __name__ == "__main__":
    main()
