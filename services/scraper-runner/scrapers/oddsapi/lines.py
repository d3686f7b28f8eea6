"""What bookmakers offer in an event: bookmakers, their markets, the outcomes of each."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from scrapers.drift import Drift, find_drift
from scrapers.json_document import Node

_BOOKMAKER = frozenset({"key", "markets"})
_BOOKMAKER_UNREAD = frozenset({"title"})
_BOOKMAKER_RARE = frozenset({"last_update", "link", "sid"})
_MARKET = frozenset({"key", "outcomes"})
_MARKET_RARE = frozenset({"last_update", "link", "sid"})
_OUTCOME = frozenset({"name", "price"})
_OUTCOME_RARE = frozenset({"point", "description", "link", "sid", "bet_limit", "multiplier"})


@dataclass(frozen=True)
class Line:
    """One outcome and whose it is. last_update: of the market, or where only that is told of the bookmaker."""

    bookmaker: str
    market: str
    last_update: datetime | None
    outcome: Node


def lines(event: Node) -> Iterator[Line]:
    """Every outcome of the event. Raises SourceChanged."""
    for bookmaker in event.children("bookmakers"):
        for market in bookmaker.children("markets"):
            updated = next((node for node in (market, bookmaker) if node.fields.get("last_update")), None)
            for outcome in market.children("outcomes"):
                yield Line(
                    bookmaker=bookmaker.text("key"),
                    market=market.text("key"),
                    last_update=updated.instant("last_update") if updated else None,
                    outcome=outcome,
                )


def line_drifts(events: Iterable[Node]) -> Sequence[Drift]:
    """Raises SourceChanged for a bookmaker, market or outcome without what every one has."""
    bookmakers = [bookmaker for event in events for bookmaker in event.children("bookmakers")]
    found = find_drift(
        "bookmaker", bookmakers, required=_BOOKMAKER, optional=_BOOKMAKER_UNREAD, rare=_BOOKMAKER_RARE
    )
    markets = [market for bookmaker in bookmakers for market in bookmaker.children("markets")]
    outcomes = [outcome for market in markets for outcome in market.children("outcomes")]
    return (
        found,
        find_drift("market", markets, required=_MARKET, rare=_MARKET_RARE),
        find_drift("outcome", outcomes, required=_OUTCOME, rare=_OUTCOME_RARE),
    )
