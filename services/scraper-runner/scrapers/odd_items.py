"""The law of odd items: what is odd about one item of a document costs that item, and never the others.

An item is what a parser reads one by one: a game, a player, a line of a table. One that cannot be read is set aside
with the reason, which the runner counts in `data_summary.set_aside`. This is the only place that knows how many odd
items make another document of it.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from scrapers.json_document import Node
from tipoff_scraper_runner.errors import SourceChanged

# Share of a document's items that may be odd. Beyond it the source has changed, and the rest cannot be
# trusted.
MAX_ODD_SHARE = 0.5

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Items(Generic[T, R]):
    """A document's items of one kind: those that were read, and those that were set aside."""

    sources: tuple[T, ...]
    """The items that were read, in the document's order."""
    kept: tuple[R, ...]
    """The reading of each of `sources`."""
    set_aside: tuple[str, ...]
    """One reason for each item that was not read, naming its place."""
    unread: tuple[T, ...] = ()
    """The items that `set_aside` gives the reasons for."""

    @property
    def pairs(self) -> Iterable[tuple[T, R]]:
        """Each item that was read, with what it was read as."""
        return zip(self.sources, self.kept, strict=True)


def read_items(kind: str, items: Iterable[T], read: Callable[[T], R]) -> Items[T, R]:
    """Read each item with `read`; set aside those for which it raises SourceChanged.

    Args:
        kind: what the items are, in the plural, for the message.

    Raises:
        SourceChanged: more than `MAX_ODD_SHARE` of the items are odd; the message gives the first reason.
    """
    found = read_each(items, read)
    refuse_if_most_are_odd(kind, len(found.kept), found.set_aside)
    return found


def read_each(items: Iterable[T], read: Callable[[T], R]) -> Items[T, R]:
    """Read each item as `read_items` does, however many are odd: items of other kinds are counted with them."""
    sources: list[T] = []
    kept: list[R] = []
    unread: list[T] = []
    reasons: list[str] = []
    for item in items:
        try:
            record = read(item)
        # Nothing else: an error of the parser itself is no oddity of the source, and has to fail the
        # scrape.
        except SourceChanged as error:
            unread.append(item)
            reasons.append(str(error))
        else:
            sources.append(item)
            kept.append(record)
    return Items(tuple(sources), tuple(kept), tuple(reasons), tuple(unread))


def refuse_if_most_are_odd(kind: str, kept: int, reasons: Sequence[str]) -> None:
    """Raise SourceChanged when more than `MAX_ODD_SHARE` of the items were set aside for `reasons`."""
    total = kept + len(reasons)
    # Strictly more: of two items one may be odd, while one odd item alone leaves nothing to keep.
    if len(reasons) > MAX_ODD_SHARE * total:
        raise SourceChanged(f"{len(reasons)} of {total} {kind} are odd, the first: {reasons[0]}")


def keep_first(records: Iterable[R], key: Callable[[R], Hashable], name: str) -> tuple[list[R], list[str]]:
    """Keep one record for each `key`; return them, and a reason for each that differs from the kept one.

    Which of two that differ is right cannot be known. The first stays, as it would without the other. Equal ones are
    one record and no oddity.
    """
    first: dict[Hashable, R] = {}
    differing: list[str] = []
    for record in records:
        # In the document's order, which is all that tells two editions of an item apart.
        known = first.setdefault(key(record), record)
        if known != record:
            differing.append(f"{name} {key(record)} stands twice and differs")
    return list(first.values()), differing


def place_of(node: Node) -> str:
    """Name an item that cannot be read by where it stands: "games[3]"."""
    return node.path.rpartition(".")[2]
