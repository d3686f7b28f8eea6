"""Fields that a source adds or drops without a word: told in `data_summary` before they matter.

What a record cannot do without is no drift but a changed source.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pydantic import JsonValue

from scrapers.json_document import Node
from tipoff_scraper_runner.errors import SourceChanged


@dataclass(frozen=True)
class Drift:
    """Difference between a document's fields and the known fields. Both are sorted and named `kind.field`."""

    added: tuple[str, ...] = ()
    """Fields nobody knew."""
    missing_optional: tuple[str, ...] = ()
    """Known ones that no object has any more."""


def names(listed: str) -> frozenset[str]:
    """Read field names from a text that lists them between blanks."""
    return frozenset(listed.split())


def find_drift(
    kind: str,
    nodes: Iterable[Node],
    *,
    required: Collection[str] = (),
    optional: Collection[str] = (),
    rare: Collection[str] = (),
) -> Drift:
    """Compare the objects of one `kind` with the fields known of it.

    required: stand in every object. optional: stand in at least one of a payload's objects, else they are reported.
    rare: known too, but a payload may well be without them.

    Raises:
        SourceChanged: an object without a required field, naming both.
    """
    # Over all objects of the payload, since a field may be left out wherever it says nothing.
    seen: set[str] = set()
    count = 0
    for node in nodes:
        count += 1
        if missing := sorted(set(required) - node.fields.keys()):
            raise SourceChanged(f"{node.path} has no key {', '.join(map(repr, missing))}")
        seen.update(node.fields)
    # Of no objects nothing can be missing, which would be told as every field at once.
    if not count:
        return Drift()
    # A field that nobody knew may be a new statistic or the new name of a known one: a person has to look.
    added = seen - set(required) - set(optional) - set(rare)
    return Drift(_named(kind, added), _named(kind, set(optional) - seen))


def drift_summary(*drifts: Drift) -> dict[str, JsonValue]:
    """Merge drifts into one part of `data_summary`: `{"added": [...], "missing_optional": [...]}`."""
    return {
        "added": [name for drift in drifts for name in drift.added],
        "missing_optional": [name for drift in drifts for name in drift.missing_optional],
    }


def _named(kind: str, names: Collection[str]) -> tuple[str, ...]:
    return tuple(f"{kind}.{name}" for name in sorted(names))
