"""The whole chain of an id as a waterfall."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field, JsonValue

from tipoff_common.clock import Instant
from tipoff_common.events import Action
from tipoff_monitor.console.pages.page import Page
from tipoff_planning.frozen import Frozen
from tipoff_planning.trace.links import ChainNode

# The least share of the width: an instant has no length, and would be invisible.
_LEAST = 0.002


class Link(Frozen):
    """One link of the chain: an expectation, a decision, a request, an execution, a file, a receipt, a dead letter."""

    kind: str
    text: str
    id: str | None
    at: Instant | None = Field(description="instant of the link; null when it has none")
    gap_seconds: float | None = Field(description="time since the link above")
    depth: int = Field(description="number of links above it")
    is_asked: bool = Field(description="whether the link has the id of the search")
    facts: dict[str, JsonValue]


class RunPage(Page):
    """The chain that an id belongs to."""

    asked: str
    links: tuple[Link, ...] = Field(
        description="top down; an expected link that does not exist has the kind missing"
    )
    near: tuple[str, ...] = Field(description="ids similar to an unknown one")
    not_found: str | None = Field(description="why there is no chain, null when there is")
    without_memory: str | None = Field(description="why requests and plans are not shown, null when they are")


def links_of(roots: Sequence[ChainNode], identifier: str) -> tuple[Link, ...]:
    """Return the trees of a trace, each link with its depth."""
    return tuple(_links(roots, identifier, 0))


def _links(nodes: Sequence[ChainNode], identifier: str, depth: int) -> Iterator[Link]:
    for node in nodes:
        yield Link(
            kind=node.kind,
            text=node.text,
            id=node.id,
            at=node.at,
            gap_seconds=node.gap.total_seconds() if node.gap is not None else None,
            depth=depth,
            # By the beginning too, since people paste shortened ids.
            is_asked=identifier in node.ids
            or bool(node.id and identifier and node.id.startswith(identifier)),
            facts=dict(node.facts),
        )
        yield from _links(node.children, identifier, depth + 1)


@dataclass(frozen=True)
class WaterfallStep:
    """A link in the drawing: from the instant of the link above to its own."""

    link: Link
    left: float
    width: float
    """0 for a link that is not drawn."""


def waterfall(links: Sequence[Link]) -> list[WaterfallStep]:
    """Place each link that followed the one above it between the first and the last instant of such links.

    Decisions not to run are listed and not drawn: hours of them would squeeze the seconds of a run to nothing.
    """
    drawn = [_span(link) for link in links]
    first = min((begun for begun, _ in filter(None, drawn)), default=None)
    last = max((end for _, end in filter(None, drawn)), default=None)
    if first is None or last is None:
        return [WaterfallStep(link, 0, 0) for link in links]
    # A chain of a single instant has no length to divide by.
    total = (last - first).total_seconds() or 1.0
    found = []
    for link, span in zip(links, drawn, strict=True):
        if span is None:
            found.append(WaterfallStep(link, 0, 0))
            continue
        left, right = ((instant - first).total_seconds() / total for instant in span)
        found.append(WaterfallStep(link, min(left, 1 - _LEAST), max(right - left, _LEAST)))
    return found


def _span(link: Link) -> tuple[datetime, datetime] | None:
    is_idle = link.kind == "decision" and link.facts.get("action") != Action.RUN
    if link.at is None or link.gap_seconds is None or is_idle:
        return None
    return link.at - timedelta(seconds=max(link.gap_seconds, 0.0)), link.at
