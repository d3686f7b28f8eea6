"""Fields that a source adds or drops unannounced; `data_summary` reports them before they matter.

A missing field that a record needs is not drift but SourceChanged.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pydantic import JsonValue

from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.json_document import Node


@dataclass(frozen=True)
class Drift:
    """Difference between a document's fields and the known fields. Both are sorted and named `kind.field`."""

    added: tuple[str, ...] = ()
    """Unknown fields."""
    missing_optional: tuple[str, ...] = ()
    """Optional fields that no object has any more."""


def names(listed: str) -> frozenset[str]:
    """Split a text of field names at its blanks."""
    return frozenset(listed.split())


def find_drift(
    kind: str,
    nodes: Iterable[Node],
    *,
    required: Collection[str] = (),
    optional: Collection[str] = (),
    rare: Collection[str] = (),
) -> Drift:
    """Compare the objects of one `kind` with the known fields.

    required: every object has them.
    optional: at least one of a payload's objects has them; otherwise they are reported.
    rare: known fields that a payload may lack.

    Raises:
        SourceChanged: an object without a required field, naming both.
    """
    # Collected over all objects of the payload, since an object may omit an empty field.
    seen: set[str] = set()
    count = 0
    for node in nodes:
        count += 1
        if missing := sorted(set(required) - node.fields.keys()):
            raise SourceChanged(f"{node.path} has no key {', '.join(map(repr, missing))}")
        seen.update(node.fields)
    # Without objects no field is missing; otherwise all of them would be reported.
    if not count:
        return Drift()
    # An unknown field may be a new statistic or the new name of a known one: a person has to check.
    added = seen - set(required) - set(optional) - set(rare)
    return Drift(_named(kind, added), _named(kind, set(optional) - seen))


def drift_summary(*drifts: Drift) -> dict[str, JsonValue]:
    """Merge drifts into one entry of `data_summary`: `{"added": [...], "missing_optional": [...]}`."""
    return {
        "added": [name for drift in drifts for name in drift.added],
        "missing_optional": [name for drift in drifts for name in drift.missing_optional],
    }


def _named(kind: str, names: Collection[str]) -> tuple[str, ...]:
    return tuple(f"{kind}.{name}" for name in sorted(names))
