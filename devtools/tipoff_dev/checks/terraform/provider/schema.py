"""google.json, and values checked against it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).with_name("google.json")
Block = Mapping[str, Any]


class Unknown:
    """A value that is known only after apply."""


UNKNOWN = Unknown()

_DURATION = re.compile(r"\d+(\.\d{1,9})?s")
_DURATION_SECONDS = {
    ("google_pubsub_subscription", "message_retention_duration"): (600, 2678400),
    ("google_pubsub_subscription", "retry_policy.minimum_backoff"): (0, 600),
    ("google_pubsub_subscription", "retry_policy.maximum_backoff"): (0, 600),
    ("google_pubsub_topic", "message_retention_duration"): (600, 2678400),
    ("google_cloud_run_v2_service", "template.timeout"): (1, 3600),
    ("google_cloud_scheduler_job", "attempt_deadline"): (15, 1800),
}
_NUMBERS = {
    ("google_pubsub_subscription", "ack_deadline_seconds"): (10, 600),
    ("google_pubsub_subscription", "dead_letter_policy.max_delivery_attempts"): (5, 100),
    ("google_cloud_run_v2_service", "template.max_instance_request_concurrency"): (1, 1000),
}


@dataclass(frozen=True)
class SchemaFault:
    """A value that the provider or the API would refuse, and the way to it."""

    path: tuple[str | int, ...]
    summary: str
    detail: str


def load_schema(path: Path = SCHEMA) -> dict[str, Any]:
    """Read the document; its parts are `provider`, `resources` and `data_sources`."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def faults(
    resource: str, value: Mapping[str, Any], block: Block, path: tuple[str | int, ...] = ()
) -> Iterator[SchemaFault]:
    """Check the known values of a resource's configuration, and yield what is wrong with them."""
    for name, attribute in block["attributes"].items():
        given = value.get(name)
        if given is None or isinstance(given, Unknown):
            continue
        dotted = ".".join([*(step for step in path if isinstance(step, str)), name])
        yield from _attribute_faults(resource, dotted, attribute, given, (*path, name))
    for name, nested in block.get("block_types", {}).items():
        for index, item in enumerate(items(value.get(name))):
            yield from faults(resource, item, nested["block"], (*path, name, index))


def _attribute_faults(
    resource: str, dotted: str, attribute: Mapping[str, Any], given: Any, path: tuple[str | int, ...]
) -> Iterator[SchemaFault]:
    allowed = attribute.get("enum")
    if allowed and isinstance(given, str) and given and given not in allowed:
        yield SchemaFault(path, f"{dotted} cannot be {given!r}", f"Possible values: {', '.join(allowed)}.")
    if bounds := _NUMBERS.get((resource, dotted)):
        yield from _outside(path, dotted, given, float(given), bounds)
    if bounds := _DURATION_SECONDS.get((resource, dotted)):
        if _DURATION.fullmatch(given):
            yield from _outside(path, dotted, given, float(given[:-1]), bounds)
        else:
            yield SchemaFault(path, f"{dotted} is no duration", f'{given!r}: write seconds, such as "600s".')


def _outside(
    path: tuple[str | int, ...], dotted: str, given: Any, number: float, bounds: tuple[float, float]
) -> Iterator[SchemaFault]:
    if not bounds[0] <= number <= bounds[1]:
        yield SchemaFault(path, f"{dotted} is out of range", f"{given}: must be {bounds[0]} to {bounds[1]}.")


def items(value: Any) -> list[dict[str, Any]]:
    """List the blocks of one name, whether they nest as a list, a set or a single one."""
    found = value if isinstance(value, list) else [value]
    return [item for item in found if isinstance(item, dict)]
