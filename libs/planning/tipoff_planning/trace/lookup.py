"""Lookup of the chain of an id: in the dataset, then in the controller's records, then as the prefix of another id."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from tipoff_common.words import nearest
from tipoff_planning.trace.chain import assemble
from tipoff_planning.trace.dataset import ChainDataset, DateSpan, Scope
from tipoff_planning.trace.links import ChainNode, file_ids, requested_id
from tipoff_planning.trace.memory import ControllerMemory, MemoryUnavailable

_SHORTEST_PREFIX = 4
"""Fewest characters of a prefix: a shorter one matches too many ids."""
_LISTED = 5
_COMPLETE_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class NotFound(Exception):
    """The id is in neither the dataset nor the controller's records; `near` lists the most similar ids."""

    def __init__(self, identifier: str, near: Sequence[str]) -> None:
        super().__init__(f"no record of '{identifier}'")
        self.near = near
        # Only a complete id may be so new that the dataset lacks it.
        self._may_be_new = not near and _COMPLETE_ID.fullmatch(identifier) is not None

    def sentence(self, environment: str) -> str:
        """Return the message: the environment that lacks the id, and the remedy for an id that may be too new."""
        new = "; a new id takes some seconds to reach the dataset: try again"
        return f"{self} in {environment}" + (new if self._may_be_new else "")


class Ambiguous(NotFound):
    """Several ids start with the prefix; `near` lists the first of them."""

    def __init__(self, identifier: str, near: Sequence[str]) -> None:
        super().__init__(identifier, near[:_LISTED])
        self.args = (f"{len(near)} ids begin with '{identifier}'; use more characters",)


@dataclass(frozen=True)
class Trace:
    """The chains that an id belongs to."""

    roots: tuple[ChainNode, ...]
    without_memory: str | None = None
    """The reason why the controller's records are not included; None when they are."""


def trace(
    identifier: str,
    dataset: ChainDataset,
    memory: ControllerMemory,
    days: Sequence[date],
    spans: Sequence[DateSpan],
    as_of: datetime | None = None,
) -> Trace:
    """Find an id, or the only id with this prefix, and assemble its chains.

    memory: the source of facts that the dataset lacks; if it fails, the chains come from the dataset alone.
    days: the game dates to search in `memory`.
    spans: the days to search in the dataset, one span after the other until found; `memory` and event ids are searched
    after the first span.
    as_of: now, which separates pending from missing nodes; without it every absent node is missing.

    Raises:
        NotFound, Ambiguous
        Unavailable: the dataset cannot be read.
    """
    fault: str | None = None
    # The dataset first, and its latest days first: they contain nearly every id that people look up.
    scope = dataset.find(identifier, spans[0])
    if not scope:
        try:
            scope = memory.find(identifier, days)
        except MemoryUnavailable as error:
            fault = str(error)
    # After the cheaper lookups: this one reads every execution of the span.
    scope = scope or _of_events(identifier, dataset, spans[0])
    for span in spans[1:]:
        scope = scope or dataset.find(identifier, span)
    if not scope and len(identifier) >= _SHORTEST_PREFIX:
        # Without the id itself, which would recurse for ever.
        matches = set(dataset.beginning_with(identifier, spans[-1])) - {identifier}
        if len(matches) == 1:
            return trace(matches.pop(), dataset, memory, days, spans, as_of)
        if matches:
            raise Ambiguous(identifier, sorted(matches))
    if not scope:
        raise NotFound(identifier, nearest(identifier, dataset.similar(identifier, spans[-1])))
    facts = dataset.read(scope)
    # Do not wait again for a controller that has just failed to respond.
    if fault is None:
        try:
            facts = memory.complete(facts, scope, days)
        except MemoryUnavailable as error:
            fault = str(error)
    # Last: dead letters are found by the ids of all other facts.
    facts = replace(facts, dead=dataset.dead(facts, scope))
    return Trace(assemble(facts, as_of), fault)


def _of_events(identifier: str, dataset: ChainDataset, span: DateSpan) -> Scope:
    """Look up an event of a request or an announcement, which have no rows: derive their ids from the executions of
    `span`."""
    return next(
        (
            Scope(
                occurrences=frozenset({row["occurrence_id"]} - {None}),
                executions=frozenset({row["execution_id"]}),
                days=frozenset({row["day"]}),
            )
            for row in dataset.files(span)
            if identifier == requested_id(row["execution_id"])
            or (row["gcs_path"] and identifier in file_ids(row["gcs_path"]))
        ),
        Scope(),
    )
