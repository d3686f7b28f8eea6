"""`python -m tipoff_dev.stack.compose cloud|ticks`: the steps of docker-compose.yaml beside services and emulators.

cloud creates topics, subscriptions, buckets and tables on the emulators that the environment names, and exits; ticks
fires Cloud Scheduler's ticks until SIGTERM. Both are configured like a service.
"""

import argparse
import logging
import signal
import sys
import threading

from tipoff_cli.checkout import TICKS, TOPICS
from tipoff_common.adapters.pubsub import PubSubBus
from tipoff_common.publisher import Publisher
from tipoff_common.settings import ServiceSettings, SettingsError, load_settings
from tipoff_common.ticks import load_ticks
from tipoff_common.topics import load_topics
from tipoff_dev.stack.layout import SERVICES
from tipoff_dev.stack.resources import create_buckets, create_tables, create_topics
from tipoff_dev.stack.scheduler import run_scheduler

SERVICE_PORT = 8080


def push_endpoint(service: str, development_key: str) -> str:
    """Return a service's push endpoint; the service's name is the host name of its container."""
    return f"http://{service}:{SERVICE_PORT}/events?token={development_key}"


def make_cloud(development_key: str) -> None:
    """Create topics, buckets and tables."""
    create_topics(lambda service: push_endpoint(service, development_key), tuple(SERVICES))
    create_buckets()
    create_tables()


def fire_ticks(project: str) -> None:
    """Fire ticks until SIGTERM or SIGINT."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    run_scheduler(Publisher("scheduler", PubSubBus(project, load_topics(TOPICS))), stopped, load_ticks(TICKS))


def main() -> None:
    """Run one step of docker-compose.yaml."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("cloud", "ticks"))
    part: str = parser.parse_args().part
    logging.basicConfig(level=logging.WARNING)
    try:
        settings = load_settings(ServiceSettings)
    except SettingsError as error:
        sys.exit(f"tipoff {part}: cannot start\n{error}")
    if part == "ticks":
        fire_ticks(settings.project)
    elif settings.development_key is not None:
        make_cloud(settings.development_key.get_secret_value())
    else:
        sys.exit("TIPOFF_ENVIRONMENT: only the local environment's cloud is made here")


if __name__ == "__main__":
    main()
