"""Law of odd items: for every parser, one odd item changes the records of that item and of no other."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import REGISTRY
from tests.support.examples import examples

from tipoff_dev.fuzz.payloads import parameters_of, payload_of
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.json_document import Node
from tipoff_scraper_runner.parsing.odd_items import MAX_ODD_SHARE, Items, keep_first, read_items
from tipoff_scraper_runner.scraper import Parsed

ITEMS = {
    "bdl_injuries": ["data.*"],
    "espn_roster": ["team.athletes.*"],
    "espn_scoreboard": ["events.*"],
    "nbac_play_by_play": ["game.actions.*"],
    "nbac_player_boxscore": ["game.homeTeam.players.*", "game.awayTeam.players.*"],
    "nbac_player_list": ["resultSets.0.rowSet.*"],
    "nbac_player_movement": ["NBA_Player_Movement.rows.*"],
    "nbac_referee_assignments": ["nba.Table.rows.*"],
    "nbac_schedule": ["leagueSchedule.gameDates.*.games.*", "leagueSchedule.gameDates.*"],
    "nbac_scoreboard": ["scoreboard.games.*"],
    "oddsa_events": ["*"],
    "oddsa_game_lines": ["*", "*.bookmakers.*", "*.bookmakers.*.markets.*.outcomes.*"],
    "oddsa_player_props": ["bookmakers.*", "bookmakers.*.markets.*", "bookmakers.*.markets.*.outcomes.*"],
}
"""Paths of the items of each document. The gamebook and the injury report are read from lines: see their tests.
A team's box score has two items, which are one game."""

WHOLE_GAMES = frozenset({"nbac_play_by_play", "nbac_player_boxscore"})
"""Documents of one game; an odd item may remove the game's content or end, which makes it no data yet."""

KEPT = 14
"""Number of elements per list, with the last one; more would only cost time."""

NO_ITEMS: tuple[Any, ...] = (None, True, 7, "x", [], [[]], {}, {"": {}})
JUNK: tuple[Any, ...] = (*NO_ITEMS, -1, 1e308, "", "0", "0001-01-01T00:00Z", "Real Madrid", "9" * 400)


@dataclass(frozen=True)
class Place:
    """The keys that lead to an item's list, and its position there."""

    way: tuple[str | int, ...]
    position: int

    def replaced(self, document: Any, item: Any) -> Any:
        """Return the document with another item in this place."""
        changed = json.loads(json.dumps(document))
        _walk(changed, self.way)[self.position] = item
        return changed

    def removed(self, document: Any) -> Any:
        """Return the document without the item."""
        changed = json.loads(json.dumps(document))
        del _walk(changed, self.way)[self.position]
        return changed

    def item(self, document: Any) -> Any:
        """Return the item."""
        return _walk(document, self.way)[self.position]


def _walk(document: Any, way: Sequence[str | int]) -> Any:
    for step in way:
        document = document[step]
    return document


def places(document: Any, pattern: str) -> Iterator[Place]:
    """Yield every place that matches the pattern; `*` stands for each element of a list."""

    def walk(value: Any, steps: list[str], way: tuple[str | int, ...]) -> Iterator[Place]:
        if steps == ["*"]:
            yield from (Place(way, position) for position in range(len(value)))
            return
        step, *rest = steps
        keys: Sequence[str | int] = (
            range(len(value)) if step == "*" else [int(step) if step.isdigit() else step]
        )
        for key in keys:
            yield from walk(value[key], rest, (*way, key))

    yield from walk(document, pattern.split("."), ())


@cache
def document_of(name: str) -> Any:
    """Return the fake source's document with shortened lists."""
    return _cut(json.loads(payload_of(REGISTRY[name], parameters(name))))


def _cut(value: Any) -> Any:
    if isinstance(value, list):
        # A table's columns and each of its rows are lists too, which must stay whole.
        long = len(value) > 2 * KEPT
        return [_cut(item) for item in ([*value[: KEPT - 1], value[-1]] if long else value)]
    return {key: _cut(item) for key, item in value.items()} if isinstance(value, dict) else value


@cache
def parameters(name: str) -> Any:
    """Return the parameters of the scraper's document."""
    return REGISTRY[name].module.Parameters.model_validate(parameters_of(REGISTRY[name]))


def parse(name: str, document: Any) -> Parsed:
    """Parse the document with the scraper."""
    return REGISTRY[name].module.parse(json.dumps(document).encode(), parameters(name))


@cache
def places_in(name: str, pattern: str) -> list[Place]:
    """Return every place of the scraper's document that matches the pattern."""
    return list(places(document_of(name), pattern))


@cache
def others(name: str, place: Place) -> list[Any]:
    """Return the records that do not come from the item."""
    document = document_of(name)
    if name == "nbac_player_boxscore":
        # Without a player the game lacks minutes, so the others are selected by person id.
        number = place.item(document)["personId"]
        return [
            record for record in parse(name, document).records if getattr(record, "person_id", 0) != number
        ]
    return list(parse(name, place.removed(document)).records)


EVERY = [(name, pattern) for name, patterns in ITEMS.items() for pattern in patterns]


@pytest.mark.parametrize(("name", "pattern"), EVERY)
def test_invalid_item_is_set_aside_and_all_others_are_kept(name: str, pattern: str) -> None:
    document = document_of(name)
    every = places_in(name, pattern)
    place = every[len(every) // 3]
    for item in NO_ITEMS:
        found = parse(name, place.replaced(document, item))

        assert list(found.records) == others(name, place), item
        assert len(found.set_aside) == 1, item


@pytest.mark.parametrize(("name", "pattern"), EVERY)
@settings(max_examples=examples(25), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_one_odd_item_changes_only_itself(name: str, pattern: str, seed: int) -> None:
    chance = Random(seed)  # noqa: S311  # no secret depends on it
    document = document_of(name)
    place = chance.choice(places_in(name, pattern))
    found = parse(name, place.replaced(document, _spoilt(place.item(document), chance)))

    if name in WHOLE_GAMES and found.empty_reason:
        assert not found.records
        return
    kept = set(found.records)
    assert all(record in kept for record in others(name, place))
    assert len(found.set_aside) <= 1


NOT_PRINTED_NUMBERS = ("\u0663", "\u00b2", "1_000", "+1", "9" * 19, "9" * 5000)
"""Texts that Python parses as numbers or fails on, and that no source writes."""


@pytest.mark.parametrize(("name", "pattern"), EVERY)
def test_malformed_number_changes_only_its_item(name: str, pattern: str) -> None:
    document = document_of(name)
    every = places_in(name, pattern)
    place = every[len(every) // 3]
    item = place.item(document)
    numbers = [way for way in _ways(item) if way and _is_printed_number(_walk(item, way))]
    for way, printed in product(numbers, NOT_PRINTED_NUMBERS):
        found = parse(name, place.replaced(document, _with(item, way, printed)))

        if name in WHOLE_GAMES and found.empty_reason:
            continue
        kept = set(found.records)
        assert all(record in kept for record in others(name, place)), (way, printed)
        assert len(found.set_aside) <= 1, (way, printed)


def _is_printed_number(value: Any) -> bool:
    return isinstance(value, str) and value.isdecimal()


def _with(item: Any, way: Sequence[str | int], value: Any) -> Any:
    """Return the item with another value at the end of the path."""
    changed = json.loads(json.dumps(item))
    _walk(changed, way[:-1])[way[-1]] = value
    return changed


def _spoilt(item: Any, chance: Random) -> Any:
    """Return the item with one of its values replaced at random."""
    return _with(item, chance.choice([way for way in _ways(item) if way]), chance.choice(JUNK))


def _ways(value: Any) -> Iterator[tuple[str | int, ...]]:
    yield ()
    keys = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in keys:
        yield from ((key, *way) for way in _ways(inner))


@pytest.mark.parametrize(("name", "pattern"), EVERY)
def test_a_document_of_odd_items_is_a_changed_source(name: str, pattern: str) -> None:
    document = document_of(name)
    for place in places_in(name, pattern):
        document = place.replaced(document, "x")

    with pytest.raises(SourceChanged, match=r"(\d+) of \1 .* are unusable; the first: "):
        parse(name, document)


@given(kept=st.integers(0, 40), odd=st.integers(0, 40))
def test_document_is_refused_when_over_half_of_its_items_are_odd(kept: int, odd: int) -> None:
    nodes = [Node(f"items[{place}]", {"id": place} if place < kept else None) for place in range(kept + odd)]
    if odd > MAX_ODD_SHARE * (kept + odd):
        with pytest.raises(SourceChanged, match=f"{odd} of {kept + odd} items are unusable"):
            read_items("items", nodes, lambda node: node.integer("id"))
        return
    found: Items[Node, int] = read_items("items", nodes, lambda node: node.integer("id"))
    assert (list(found.kept), len(found.set_aside)) == ([*range(kept)], odd)


def test_first_of_differing_duplicates_is_kept_and_second_reported() -> None:
    records, differing = keep_first([(1, "a"), (2, "b"), (1, "a"), (1, "c")], lambda pair: pair[0], "pair")

    assert (records, differing) == ([(1, "a"), (2, "b")], ["pair 1 is listed twice with different values"])


def test_empty_list_of_items_is_accepted() -> None:
    assert read_items("items", [], lambda node: node) == Items((), (), ())
