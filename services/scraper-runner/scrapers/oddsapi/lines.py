"""Odds of bookmakers on events: bookmakers, their markets, the outcomes of each market.

Each level is a list of items: an odd bookmaker is set aside with its lines, an odd market or outcome alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import Field

from scrapers.oddsapi.matchups import Matchup
from tipoff_scraper_runner.parsing.drift import Drift, find_drift
from tipoff_scraper_runner.parsing.json_document import Node
from tipoff_scraper_runner.parsing.odd_items import read_items

_BOOKMAKER = frozenset({"key", "markets"})
_BOOKMAKER_UNREAD = frozenset({"title"})
_BOOKMAKER_RARE = frozenset({"last_update", "link", "sid"})
_MARKET = frozenset({"key", "outcomes"})
_MARKET_RARE = frozenset({"last_update", "link", "sid"})
_OUTCOME = frozenset({"name", "price"})
_OUTCOME_RARE = frozenset({"point", "description", "link", "sid", "bet_limit", "multiplier"})

R = TypeVar("R")


class LineRecord(Matchup):
    """Common fields of every record of a line."""

    bookmaker: str = Field(description="the API's key")
    market: str = Field(description="the API's key")
    last_update: datetime | None = Field(description="aware UTC, when the bookmaker last changed the market")
    point: float | None = Field(
        description="spread, total or the player's threshold; null where the market has none"
    )
    price: float = Field(description="decimal odds")

    @property
    def point_order(self) -> tuple[bool, float]:
        """A sort key: None does not compare with numbers, and lines without a point come first."""
        return (self.point is not None, self.point or 0.0)


@dataclass(frozen=True)
class Line:
    """One outcome with its event, bookmaker and market."""

    game: Matchup
    bookmaker: str
    market: str
    last_update: datetime | None
    """The market's; the bookmaker's where the market has none."""
    outcome: Node

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of its `LineRecord`. Raises SourceChanged."""
        return {
            **self.game.model_dump(),
            "bookmaker": self.bookmaker,
            "market": self.market,
            "last_update": self.last_update,
            "point": self.outcome.optional_decimal("point"),
            "price": self.outcome.decimal("price"),
        }


@dataclass(frozen=True)
class Lines:
    """Set-aside items and drift of all outcomes. The records are separate, as their type differs between scrapers."""

    set_aside: Sequence[str]
    drifts: Sequence[Drift]


@dataclass(frozen=True)
class _Market:
    game: Matchup
    bookmaker: str
    bookmaker_updated: datetime | None
    node: Node


@dataclass(frozen=True)
class _Offer:
    market: _Market
    name: str
    updated: datetime | None
    outcomes: Sequence[Node]


def read_lines(events: Iterable[tuple[Matchup, Node]], read: Callable[[Line], R]) -> tuple[list[R], Lines]:
    """Read every outcome of the events with `read`; repeated outcomes of a bookmaker are one record.

    Raises:
        SourceChanged: an event without a list of bookmakers, or most items of one level are odd.
    """
    bookmakers = read_items(
        "bookmakers",
        [(game, node) for game, event in events for node in event.children("bookmakers")],
        lambda item: _markets(*item),
    )
    markets = read_items("markets", [market for group in bookmakers.kept for market in group], _offer)
    lines = read_items(
        "lines",
        [(offer, outcome) for offer in markets.kept for outcome in offer.outcomes],
        lambda item: read(_line(*item)),
    )
    drifts = (
        find_drift(
            "bookmaker",
            [node for _, node in bookmakers.sources],
            required=_BOOKMAKER,
            optional=_BOOKMAKER_UNREAD,
            rare=_BOOKMAKER_RARE,
        ),
        find_drift(
            "market", [market.node for market in markets.sources], required=_MARKET, rare=_MARKET_RARE
        ),
        find_drift(
            "outcome", [outcome for _, outcome in lines.sources], required=_OUTCOME, rare=_OUTCOME_RARE
        ),
    )
    set_aside = (*bookmakers.set_aside, *markets.set_aside, *lines.set_aside)
    # Some bookmakers repeat a line within one market.
    return list(dict.fromkeys(lines.kept)), Lines(set_aside, drifts)


def _markets(game: Matchup, bookmaker: Node) -> list[_Market]:
    bookmaker.require(_BOOKMAKER)
    key, updated = bookmaker.nonblank("key"), _updated(bookmaker)
    return [_Market(game, key, updated, node) for node in bookmaker.children("markets")]


def _offer(market: _Market) -> _Offer:
    market.node.require(_MARKET)
    # Per market since 2023; older and historical responses have it per bookmaker only.
    updated = _updated(market.node) or market.bookmaker_updated
    return _Offer(market, market.node.nonblank("key"), updated, market.node.children("outcomes"))


def _line(offer: _Offer, outcome: Node) -> Line:
    outcome.require(_OUTCOME)
    return Line(offer.market.game, offer.market.bookmaker, offer.name, offer.updated, outcome)


def _updated(node: Node) -> datetime | None:
    return node.instant("last_update") if node.fields.get("last_update") else None
