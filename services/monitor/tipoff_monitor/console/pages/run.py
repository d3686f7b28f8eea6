"""The whole chain of an id as a waterfall."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field, JsonValue

from tipoff_common.clock import Instant
from tipoff_monitor.console.pages.page import Page, Shown
from tipoff_planning.trace.links import ChainNode

# Of the width: an instant has no length, and would be drawn as nothing.
_LEAST = 0.002


class Link(Shown):
    """One link of the chain: an expectation, a decision, a request, an execution, a file, a receipt, a dead letter."""

    kind: str
    text: str
    id: str | None
    at: Instant | None = Field(description="when, null for what has no instant of its own")
    gap_seconds: float | None = Field(description="from the link above")
    depth: int = Field(description="links above it")
    is_asked: bool = Field(description="whether it is what was looked for")
    facts: dict[str, JsonValue]


class RunPage(Page):
    """The chain that an id belongs to."""

    asked: str
    links: tuple[Link, ...] = Field(
        description="top down; what should be there and is not has the kind missing"
    )
    near: tuple[str, ...] = Field(description="ids that are like one that is not known")
    not_found: str | None = Field(description="why there is no chain, null when there is")
    without_memory: str | None = Field(description="why requests and plans are not shown, null when they are")


def links_of(roots: Sequence[ChainNode], asked: str) -> tuple[Link, ...]:
    """Return the trees of a trace, each link with its depth."""
    return tuple(_links(roots, asked, 0))


def _links(nodes: Sequence[ChainNode], asked: str, depth: int) -> Iterator[Link]:
    for node in nodes:
        yield Link(
            kind=node.kind,
            text=node.text,
            id=node.id,
            at=node.at,
            gap_seconds=node.gap.total_seconds() if node.gap is not None else None,
            depth=depth,
            # By the beginning too, which is how people paste ids.
            is_asked=asked in node.ids or bool(node.id and asked and node.id.startswith(asked)),
            facts=dict(node.facts),
        )
        yield from _links(node.children, asked, depth + 1)


@dataclass(frozen=True)
class WaterfallStep:
    """A link in the drawing: from the instant of the link above to its own."""

    link: Link
    left: float
    width: float


def waterfall(links: Sequence[Link]) -> list[WaterfallStep]:
    """Place each link between the first and the last instant of the chain."""
    times = [link.at for link in links if link.at]
    if not times:
        return [WaterfallStep(link, 0, 0) for link in links]
    first, last = min(times), max(times)
    # A chain of a single instant has no length to divide by.
    span = (last - first).total_seconds() or 1.0

    def share(instant: datetime) -> float:
        return (instant - first).total_seconds() / span

    found = []
    for link in links:
        if link.at is None:
            found.append(WaterfallStep(link, 0, 0))
            continue
        end = share(link.at)
        begun = max(end - (link.gap_seconds or 0.0) / span, 0.0)
        found.append(WaterfallStep(link, min(begun, 1 - _LEAST), max(end - begun, _LEAST)))
    return found
