"""`noop`: finds one record without a request."""

import time
from pathlib import Path

from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters


class Parameters(ScrapeParameters):
    """Parameters in which `unit` distinguishes requests."""

    unit: str


class Row(Record):
    """The one record."""

    unit: str


def fetch(parameters: Parameters, http: Http) -> Payload:  # noqa: ARG001  # a scraper's signature
    """Count the fetch, and return different content each time: the runner does not write the same content twice."""
    with Path(__file__).with_name("fetches").open("a") as counted:
        counted.write(f"{parameters.unit}\n")
    return Payload(f"{parameters.unit} {time.time_ns()}".encode(), "https://noop.example", "txt")


def parse(payload: bytes, parameters: Parameters) -> Parsed:  # noqa: ARG001  # a scraper's signature
    """Return the payload as a record."""
    return Parsed(records=[Row(unit=payload.decode())])
