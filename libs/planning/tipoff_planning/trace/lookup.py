"""From an id to its chain: the dataset first, then what the controller remembers, then what the id might have been."""

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
"""Fewer characters than this begin too many ids to be meant for one."""
_LISTED = 5
_WHOLE = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class NotFound(Exception):
    """Nothing knows the id; `near` are the ids that are most like it."""

    def __init__(self, identifier: str, near: Sequence[str]) -> None:
        super().__init__(f"nothing is known of '{identifier}'")
        self.near = near
        # Only what is whole can be an id that was handed out a moment ago.
        self._may_be_new = not near and _WHOLE.fullmatch(identifier) is not None

    def sentence(self, environment: str) -> str:
        """Say where it is not known, and what to do about an id that may be too new."""
        new = "; if it is only seconds old, try again: the dataset has not heard of it yet"
        return f"{self} in {environment}" + (new if self._may_be_new else "")


class Ambiguous(NotFound):
    """Several ids begin so; `near` are they."""

    def __init__(self, identifier: str, near: Sequence[str]) -> None:
        super().__init__(identifier, near[:_LISTED])
        self.args = (f"{len(near)} ids begin with '{identifier}', write more of it",)


@dataclass(frozen=True)
class Trace:
    """The chains that an id belongs to."""

    roots: tuple[ChainNode, ...]
    without_memory: str | None = None
    """The reason why the controller could not be asked; None when it was."""


def trace(
    identifier: str,
    dataset: ChainDataset,
    memory: ControllerMemory,
    days: Sequence[date],
    spans: Sequence[DateSpan],
    as_of: datetime | None = None,
) -> Trace:
    """Find an id and put together what belongs to it.

    The beginning of an id is as good as the id where only one begins so.

    memory: asked for what the dataset does not know; without its answer the dataset has to do.
    days: the game dates in which to look for what the dataset does not know.
    spans: the days in which to look for what it does, one after the other until it is found; what the dataset does not
    know is looked for after the first.
    as_of: now, by which what is not there is pending or missing; without it, missing.

    Raises:
        NotFound, Ambiguous
        Unavailable: the dataset cannot be read.
    """
    fault: str | None = None
    # The dataset first, and the last days first: that is where nearly every id is that somebody asks about.
    scope = dataset.find(identifier, spans[0])
    if not scope:
        try:
            scope = memory.find(identifier, days)
        except MemoryUnavailable as error:
            fault = str(error)
    # Only now: it reads every execution of the span.
    scope = scope or _of_events(identifier, dataset, spans[0])
    for span in spans[1:]:
        scope = scope or dataset.find(identifier, span)
    if not scope and len(identifier) >= _SHORTEST_PREFIX:
        # An id that is whole would lead to itself again.
        whole = set(dataset.beginning_with(identifier, spans[-1])) - {identifier}
        if len(whole) == 1:
            return trace(whole.pop(), dataset, memory, days, spans, as_of)
        if whole:
            raise Ambiguous(identifier, sorted(whole))
    if not scope:
        raise NotFound(identifier, nearest(identifier, dataset.similar(identifier, spans[-1])))
    facts = dataset.read(scope)
    # A controller that did not answer a moment ago is not waited for again.
    if fault is None:
        try:
            facts = memory.complete(facts, scope, days)
        except MemoryUnavailable as error:
            fault = str(error)
    # Last, since dead letters are found by the ids of everything else.
    facts = replace(facts, dead=dataset.dead(facts, scope))
    return Trace(assemble(facts, as_of), fault)


def _of_events(identifier: str, dataset: ChainDataset, span: DateSpan) -> Scope:
    """Look up requests and announcements, which have no rows: work their ids out from the executions of `span`."""
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
