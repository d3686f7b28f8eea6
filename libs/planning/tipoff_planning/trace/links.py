"""Single nodes of a chain, each built from one fact."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import JsonValue

from tipoff_common.clock import fleet_zone
from tipoff_common.events import FileLanded, ScrapeRequested
from tipoff_common.file_rows import ReceiptRow, SightingRow
from tipoff_common.identity import event_id
from tipoff_common.words import pluralize
from tipoff_planning.trace.facts import CleanupRow, DeadLetterFact, ExpectedRow

_MOST_REPUBLISHES = 10
"""The most republishes of one file that cleanup's settings allow."""


@dataclass(frozen=True)
class ChainNode:
    """One node of a chain."""

    kind: str
    text: str
    id: str | None = None
    at: datetime | None = None
    gap: timedelta | None = None
    """The time since the node above."""
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    ids: frozenset[str] = frozenset()
    """All ids by which the node can be looked up."""
    children: tuple["ChainNode", ...] = ()


def landed_id(gcs_path: str, republish: int = 0, *, recovery: bool = False) -> str:
    """Return the id of the runner's or cleanup's event that announced a file (see `FileLanded.key`)."""
    return event_id(FileLanded.TYPE, gcs_path, republish, *(["recovery"] if recovery else []))


def requested_id(request: str) -> str:
    """Return the id of the event that carried a request."""
    return event_id(ScrapeRequested.TYPE, request)


def file_ids(gcs_path: str) -> Iterator[str]:
    """Yield the possible ids of the runner's and cleanup's events about a file.

    Events published by a person are left out: their ids contain their instant.
    """
    yield landed_id(gcs_path)
    # Number 0 is for a file that cleanup adopted: no event had announced it.
    for number in range(_MOST_REPUBLISHES + 1):
        yield landed_id(gcs_path, number, recovery=True)


def few(nodes: Sequence[ChainNode]) -> Iterator[ChainNode]:
    """Merge consecutive decisions with the same action and reason, such as SKIPs, into one node."""
    waiting: list[ChainNode] = []
    for node in [*nodes, None]:
        if node and waiting and _alike(waiting[-1], node):
            waiting.append(node)
            continue
        if waiting:
            yield _merged(waiting)
        waiting = [node] if node else []


def _alike(first: ChainNode, second: ChainNode) -> bool:
    same = all(first.facts.get(name) == second.facts.get(name) for name in ("action", "reason_code"))
    # A decision with nodes below it must stay visible.
    leaves = not (first.children or second.children)
    return same and leaves and first.kind == second.kind == "decision"


def _merged(nodes: Sequence[ChainNode]) -> ChainNode:
    first, last = nodes[0], nodes[-1]
    if len(nodes) == 1 or last.at is None:
        return first
    return replace(
        first,
        text=f"{first.text} ({len(nodes)} times, until {last.at.astimezone(fleet_zone()):%H:%M})",
        facts={**first.facts, "times": len(nodes), "until": last.at.isoformat()},
        ids=frozenset().union(*(node.ids for node in nodes)),
    )


def expectation_link(
    occurrence: str, expected: ExpectedRow | None, about: str, children: tuple[ChainNode, ...]
) -> ChainNode:
    """Build the node of an expected run."""
    ids = frozenset({occurrence})
    if expected is None:
        return ChainNode("occurrence", f"{about}, in no schedule", occurrence, ids=ids, children=children)
    subject = "" if expected.subject == "-" else f" of {expected.subject}"
    return ChainNode(
        "occurrence",
        f"{expected.workflow_name}{subject} for {expected.game_date}, {expected.state}: {expected.reason}",
        occurrence,
        expected.expected_run_time,
        facts={"state": expected.state, "deadline": expected.deadline.isoformat()},
        ids=ids,
        children=children,
    )


def receipt_link(receipt: ReceiptRow, *, earlier: bool) -> ChainNode:
    """Build the node of a receipt. earlier: whether the receipt is from before the run above it."""
    rows = "" if receipt.row_count is None else f", {pluralize(receipt.row_count, 'row')}"
    return ChainNode(
        "receipt",
        # A file is named by its content, so two runs with the same content share the file and its receipts.
        f"processed by {receipt.processor}{rows}"
        + (", when an earlier run landed the same content" if earlier else ""),
        receipt.event_id,
        receipt.processed_at,
        facts={"processor": receipt.processor, "row_count": receipt.row_count},
        ids=frozenset({receipt.event_id}),
    )


def sightings(path: str, seen: Sequence[SightingRow]) -> Iterator[ChainNode]:
    """Yield the first cleanup that found the file without a receipt, and each that republished it."""
    own = sorted((item for item in seen if item.gcs_path == path), key=lambda item: item.cleanup_time)
    for number, item in enumerate(own):
        # Cleanup runs every quarter of an hour; the sightings in between add no information.
        if number == 0 or item.republished:
            done = "republished" if item.republished else "left alone"
            yield ChainNode(
                "cleanup",
                f"missing after {item.age_minutes} min, {done}",
                item.cleanup_id,
                item.cleanup_time,
                facts={"republished": item.republished},
                ids=frozenset({item.cleanup_id}),
            )


def dead_link(letter: DeadLetterFact) -> ChainNode:
    """Build the node of a dead letter."""
    of = f" of {letter.subscription}" if letter.subscription else ""
    return ChainNode(
        "dead letter",
        f"{letter.event_type or 'a message'}{of}: {letter.reason}: {letter.detail}",
        letter.event_id,
        letter.rejected_at,
        facts={"reason": letter.reason},
        ids=frozenset({letter.event_id, *([letter.ce_id] if letter.ce_id else [])}),
    )


def cleanup_link(cleanup: CleanupRow) -> ChainNode:
    """Build the node of a cleanup run."""
    return ChainNode(
        "cleanup",
        f"{pluralize(cleanup.files_checked, 'file')} checked, {cleanup.missing_files_found} missing,"
        f" {cleanup.republished_count} republished",
        cleanup.cleanup_id,
        cleanup.cleanup_time,
        ids=frozenset({cleanup.cleanup_id}),
    )


def missing(text: str) -> ChainNode:
    """Build the node of an absent fact that is overdue."""
    return ChainNode("missing", text)


def pending(text: str) -> ChainNode:
    """Build the node of an absent fact that is not overdue."""
    return ChainNode("pending", text)
