"""The rule of odd items: a fault in one item of a document sets that item aside, and never the others.

An item is a game, a player or a line of a table. An unreadable item is set aside with the reason, which the runner
counts in `data_summary.set_aside`. Only this module decides how many odd items make the whole document SourceChanged.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.json_document import Node

# Maximum share of odd items. Beyond it the source has changed, and the other items cannot be trusted.
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
        """Each item that was read, with its reading."""
        return zip(self.sources, self.kept, strict=True)


def read_items(kind: str, items: Iterable[T], read: Callable[[T], R]) -> Items[T, R]:
    """Read each item with `read`; set aside those for which it raises SourceChanged.

    Args:
        kind: the plural noun of the items, for the message.

    Raises:
        SourceChanged: more than `MAX_ODD_SHARE` of the items are odd; the message gives the first reason.
    """
    found = read_each(items, read)
    refuse_if_most_are_odd(kind, len(found.kept), found.set_aside)
    return found


def read_each(items: Iterable[T], read: Callable[[T], R]) -> Items[T, R]:
    """Read each item as `read_items` does, without a limit of odd items: the caller counts items of several kinds
    together."""
    sources: list[T] = []
    kept: list[R] = []
    unread: list[T] = []
    reasons: list[str] = []
    for item in items:
        try:
            record = read(item)
        # SourceChanged only: an error of the parser itself is no oddity of the source, and has to fail the scrape.
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
    # Strictly more: one of two items may be odd, but a single item that is odd leaves none.
    if len(reasons) > MAX_ODD_SHARE * total:
        raise SourceChanged(f"{len(reasons)} of {total} {kind} are unusable; the first: {reasons[0]}")


def keep_first(records: Iterable[R], key: Callable[[R], Hashable], name: str) -> tuple[list[R], list[str]]:
    """Keep one record for each `key`; return them, and a reason for each that differs from the kept one.

    Neither of two differing records is known to be right, so the first stays. Equal records are one record and no
    oddity.
    """
    first: dict[Hashable, R] = {}
    differing: list[str] = []
    for record in records:
        # In the document's order, the only order between two editions of an item.
        earlier = first.setdefault(key(record), record)
        if earlier != record:
            differing.append(f"{name} {key(record)} is listed twice with different values")
    return list(first.values()), differing


def place_of(node: Node) -> str:
    """Return the place of an unreadable item as its name: "games[3]"."""
    return node.path.rpartition(".")[2]
