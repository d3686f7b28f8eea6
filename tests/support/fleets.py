"""Strategies for any configuration, slate and day, and a fleet with given outcomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.support.controller import (
    DAY,
    NO_DATA,
    SUCCESS,
    Json,
    World,
    at,
    configured_of,
    game,
)
from tipoff_common.events import ScrapeExecuted, ScrapeRequested
from tipoff_common.identity import content_hash
from tipoff_common.outcomes import Failed, FailureKind, Outcome
from tipoff_planning.calendar import Game
from tipoff_planning.workflows import Configuration

SPRING, AUTUMN = date(2025, 3, 9), date(2025, 11, 2)
days = st.sampled_from([DAY, SPRING, AUTUMN])

# Schedules


def _length(minutes: int) -> str:
    return f"{minutes}m"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def lengths(least: int, most: int) -> st.SearchStrategy[str]:
    """Return lengths in steps of a quarter of an hour."""
    return st.integers(least // 15, most // 15).map(lambda quarters: _length(quarters * 15))


@st.composite
def windows(draw: st.DrawFn, first: int = 0, last: int = 1439, least: int = 60) -> Json:
    """Draw a window of at least `least` minutes between two minutes of the day."""
    start = draw(st.integers(first, last - least))
    end = draw(st.integers(start + least, last))
    return {"start": _clock(start), "end": _clock(end)}


@st.composite
def late_windows(draw: st.DrawFn) -> Json:
    """Draw a window from the evening over midnight into the morning."""
    return {"start": _clock(draw(st.integers(1080, 1438))), "end": _clock(draw(st.integers(0, 360)))}


_by_the_clock = st.fixed_dictionaries(
    {},
    optional={
        "about": st.sampled_from(["today", "yesterday"]),
        "days": st.lists(
            st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=5, unique=True
        ),
    },
)


def _kind(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"kind": st.just(name), **fields})


def _joined(one: st.SearchStrategy[Json], other: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.builds(lambda a, b: {**a, **b}, one, other)


def dailies(window: st.SearchStrategy[Json] | None = None) -> st.SearchStrategy[Json]:
    return _joined(
        _kind("daily", window=windows() | late_windows() if window is None else window), _by_the_clock
    )


def times_of_day(first: int = 0, last: int = 1439) -> st.SearchStrategy[Json]:
    minutes = st.lists(st.integers(first, last), min_size=1, max_size=3, unique=True)
    times = minutes.map(lambda found: [_clock(minute) for minute in sorted(found)])
    return _joined(_kind("at", times=times, within=lengths(30, 180)), _by_the_clock)


def discoveries(window: st.SearchStrategy[Json] | None = None) -> st.SearchStrategy[Json]:
    rhythm = st.one_of(
        st.builds(lambda every: {"every": every}, lengths(30, 180)),
        st.builds(lambda budget: {"budget": budget}, st.integers(1, 6)),
    )
    refresh = st.fixed_dictionaries(
        {},
        optional={"refresh_after_found": lengths(30, 240), "until": st.sampled_from(["found", "complete"])},
    )
    found = _joined(
        _kind("discovery", window=windows(least=120) | late_windows() if window is None else window), rhythm
    )
    return _joined(_joined(found, refresh), _by_the_clock)


intervals = _kind(
    "interval",
    every=lengths(60, 240),
    before_first_tip=lengths(60, 480),
    after_last_tip=lengths(15, 120),
)


@st.composite
def per_games(draw: st.DrawFn) -> Json:
    first = draw(st.integers(2, 12))
    until = first + draw(st.integers(0, 12))
    every = draw(st.integers(2, 8))
    return {
        "kind": "per_game",
        "first": _length(first * 15),
        "every": _length(every * 15),
        "until": _length(until * 15),
    }


# Plans


@st.composite
def graphs(draw: st.DrawFn, search: bool = False) -> list[Json]:
    """Draw steps that wait for some of those before them, in any order in the file."""
    steps: list[Json] = []
    names: list[str] = []
    lists: list[str] = []
    for index in range(draw(st.integers(1, 5))):
        name = f"s{index}"
        kinds = ["bulletin", "digest", "summary", "event_list", "box_score", "roster"]
        scraper = draw(st.sampled_from([*kinds, *(["event_props"] if lists and not search else [])]))
        step: Json = {"scraper": scraper, "name": name}
        match scraper:
            case "box_score":
                step["for_each"] = "game"
            case "roster":
                step["for_each"] = "team"
            case "event_props":
                step["for_each"] = {"step": draw(st.sampled_from(lists)), "key": "event_id"}
            case "event_list":
                lists.append(name)
            case "bulletin":
                step["parameters"] = {"market": name}
        if names:
            step["after"] = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
        names.append(name)
        steps.append(step)
    return draw(st.permutations(steps))


game_steps: st.SearchStrategy[list[Any]] = st.sampled_from(
    [
        ["box_score"],
        ["box_score", {"scraper": "team_sheet", "for_each": "team"}],
        [{"scraper": "box_score", "name": "first"}, {"scraper": "bulletin", "after": ["first"]}],
    ]
)


zones = st.sampled_from(
    ["America/New_York", "Asia/Tokyo", "Europe/Berlin", "Pacific/Auckland", "Pacific/Pago_Pago"]
)


def _workflow(
    schedule: st.SearchStrategy[Json], steps: st.SearchStrategy[list[Any]], *, zoned: bool = False
) -> st.SearchStrategy[Json]:
    elsewhere = {"timezone": st.none() | zones} if zoned else {}
    return st.fixed_dictionaries(
        {
            "description": st.just("any"),
            "schedule": schedule,
            "steps": steps.map(
                lambda found: [{"scraper": step} if isinstance(step, str) else step for step in found]
            ),
            "max_retries": st.integers(0, 2),
            **elsewhere,
        }
    )


workflows = st.one_of(
    _workflow(per_games(), game_steps),
    _workflow(discoveries(), graphs(search=True), zoned=True),
    _workflow(intervals, graphs()),
    _workflow(times_of_day(), graphs(), zoned=True),
    _workflow(dailies(), graphs(), zoned=True),
)
plans = _workflow(st.just({"kind": "at", "times": ["06:00"]}), graphs())


def configurations(
    kinds: st.SearchStrategy[Json] = workflows, most: int = 3
) -> st.SearchStrategy[Configuration]:
    """Return configurations that were read and checked like any file."""
    names = st.sampled_from(["one", "two", "three"])
    return st.dictionaries(names, kinds, min_size=min(2, most), max_size=most).map(configured_of)


# Slates


def _seldom(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Draw the usual value nine times in ten."""
    return st.integers(0, 9).flatmap(lambda n: st.sampled_from(others) if n == 5 else st.just(usual))


@st.composite
def slates(draw: st.DrawFn, day: date) -> list[Game]:
    """Draw up to four games of a day: from noon until after midnight, some without a time or teams, some postponed."""
    found = []
    for number in range(draw(st.sampled_from([2, 3, 1, 4, 0]))):
        tipoff = at("12:00", day) + timedelta(minutes=draw(st.integers(0, 13 * 60)))
        found.append(
            game(
                number,
                draw(_seldom(tipoff, None)),
                game_date=day,
                postponed=draw(_seldom(False, True)),
                game_type=draw(_seldom("regular", "playoffs", "preseason")),
                **draw(_seldom({}, {"home_team": None, "away_team": None})),
            )
        )
    return found


@st.composite
def seasons(draw: st.DrawFn, day: date) -> list[Game]:
    """Draw the slates of a day and its neighbours."""
    found: list[Game] = []
    for offset in (-1, 0, 1):
        for item in draw(slates(day + timedelta(days=offset))):
            number = f"{item.game_id[:-1]}{offset + 1}{item.game_id[-1]}"
            found.append(item.model_copy(update={"game_id": number}))
    return found


# A fleet

OUTCOMES: Mapping[str, Outcome] = {
    "success": SUCCESS,
    "no_data": NO_DATA,
    **{kind.value: Failed(kind=kind, message="it failed") for kind in FailureKind},
}


def outcomes_by(seed: int, likely: str = "success") -> Callable[[ScrapeRequested], Outcome]:
    """Return a function from a request to an outcome: half of them the likely outcome, the others any."""
    names = list(OUTCOMES)

    def outcome(request: ScrapeRequested) -> Outcome:
        number = int(content_hash(f"{seed} {request.request_id}".encode())[:8], 16)
        return OUTCOMES[likely if number % 2 else names[number // 2 % len(names)]]

    return outcome


@dataclass
class Fleet:
    """Runners that execute each request once, and hold the executions for delivery in any order."""

    world: World
    outcome: Callable[[ScrapeRequested], Outcome]
    requests: dict[str, ScrapeRequested] = field(default_factory=dict)
    answers: dict[str, ScrapeExecuted] = field(default_factory=dict)

    def work(self, instant: datetime) -> list[ScrapeExecuted]:
        """Run the requests since the last call; a request is run once however often it is published."""
        fresh = []
        for request in self.world.take(ScrapeRequested):
            known = self.requests.setdefault(request.request_id, request)
            assert known.parameters == request.parameters  # an id is a function of content
            if request.request_id not in self.answers:
                keys = {"event_id": ("e1", "e2")} if request.scraper == "event_list" else {}
                outcome = self.outcome(request)
                event = self.world.execute(request, outcome, instant=instant, keys=keys)
                self.answers[request.request_id] = event
                fresh.append(event)
        return fresh

    def settle(self, instant: datetime) -> None:
        """Work until no request is left, delivering each execution as it comes."""
        while fresh := self.work(instant):
            self.world.note(*fresh)
