"""Tests of the outstanding parts of a search: a partial success closes only its own part."""

from datetime import timedelta

from tests.support.controller import (
    DAY,
    at,
    at_times,
    calendar,
    configured,
    discovery,
    fact,
    game,
    history,
    per_game,
    slate,
    workflow,
)
from tipoff_planning.history import History, KnownCompleteness
from tipoff_planning.occurrences import Occurrence, occurrences
from tipoff_planning.outstanding import Outstanding, find_outstanding
from tipoff_planning.workflows import Configuration

GAMES = slate(9)


def first(configuration: Configuration, slot: int = 0) -> Occurrence:
    return occurrences(configuration, calendar(*GAMES), DAY)[slot]


def outstanding(configuration: Configuration, known: History) -> Outstanding:
    return find_outstanding(first(configuration), configuration, known)


def test_a_workflow_is_complete_when_each_of_its_scrapers_is() -> None:
    """One scraper closed a whole workflow (incident 33)."""
    configuration = configured(one=workflow(discovery(), "bulletin", "digest"))
    partly = outstanding(configuration, history(fact("bulletin")))
    assert (partly.found, set(partly.steps or {})) == (False, {"digest"})
    assert outstanding(configuration, history(fact("bulletin"), fact("digest"))).found


def test_one_game_of_nine_leaves_eight() -> None:
    """One of nine games counted as all (incident 9)."""
    configuration = configured(one=workflow(discovery(), {"scraper": "box_score", "for_each": "game"}))
    partly = outstanding(configuration, history(fact("box_score", GAMES[0].game_id)))
    assert partly.steps == {"box_score": frozenset(item.game_id for item in GAMES[1:])}


def test_a_team_is_wanted_until_that_team_was_found() -> None:
    configuration = configured(one=workflow(discovery(), {"scraper": "roster", "for_each": "team"}))
    teams = {team for item in GAMES for team in item.teams}
    one = min(teams)
    assert outstanding(configuration, history(fact("roster", one))).steps == {
        "roster": frozenset(teams - {one})
    }


def test_each_game_of_a_per_game_workflow_is_searched_for_by_itself() -> None:
    configuration = configured(one=workflow(per_game(), "box_score"))
    known = history(fact("box_score", GAMES[0].game_id))
    states = {
        item.subject: find_outstanding(item, configuration, known).found
        for item in occurrences(configuration, calendar(*GAMES), DAY)
    }
    assert [subject for subject, found in states.items() if found] == [GAMES[0].game_id]


def test_teams_of_a_game_are_told_apart() -> None:
    """A request with a game and a team is found by a success with the same game and team."""
    configuration = configured(one=workflow(per_game(), {"scraper": "team_sheet", "for_each": "team"}))
    item = first(configuration)
    away, home = sorted(item.games[0].teams)
    known = history(fact("team_sheet", f"{item.subject}&{away}"))
    assert find_outstanding(item, configuration, known).steps == {"team_sheet": frozenset({home})}


def test_one_scraper_with_two_sets_of_parameters_is_two_things_to_find() -> None:
    """A success of one market does not cover the other (incident 33)."""
    steps = [
        {"scraper": "bulletin", "name": name, "parameters": {"market": name, "as_of": "{slot}"}}
        for name in ("h2h", "spreads")
    ]
    configuration = configured(one=workflow(discovery(), *steps))
    assert set(outstanding(configuration, history(fact("bulletin", "h2h"))).steps or {}) == {"spreads"}


def test_a_parameter_that_changes_with_the_hour_does_not_make_it_another_thing() -> None:
    configuration = configured(
        one=workflow(discovery(), {"scraper": "bulletin", "parameters": {"as_of": "{slot}"}})
    )
    assert outstanding(configuration, history(fact("bulletin"))).found


def test_what_follows_the_clock_wants_everything_each_time() -> None:
    configuration = configured(one=workflow(at_times("08:00"), "bulletin"))
    assert outstanding(configuration, history(fact("bulletin"))) == Outstanding()


def test_yesterdays_success_is_none_today() -> None:
    """Yesterday's report counted as today's (incident 2)."""
    configuration = configured(one=workflow(discovery(), "bulletin"))
    assert not outstanding(configuration, history(fact("bulletin", game_date=DAY - timedelta(days=1)))).found


def test_the_whole_was_found_when_its_last_part_was() -> None:
    configuration = configured(one=workflow(discovery(), "bulletin", "digest"))
    known = history(
        fact("bulletin", triggered_at=at("11:00")),
        fact("digest", triggered_at=at("12:00"), request_id="d1"),
        fact("digest", triggered_at=at("15:00"), request_id="d2"),
    )
    result = outstanding(configuration, known)
    assert (result.first_found, result.last_found) == (at("12:00"), at("15:00"))


def test_what_lacks_a_game_is_found_and_not_complete() -> None:
    """A document for nine games may contain eight (incident 9)."""
    found, complete = (
        configured(one=workflow(discovery(until=until), "bulletin")) for until in ("found", "complete")
    )
    known = history(fact("bulletin", completeness=KnownCompleteness(9, ("NYK@PHI",))))
    assert outstanding(found, known).found
    result = outstanding(complete, known)
    assert (result.found, set(result.steps or {}), result.missing) == (False, {"bulletin"}, ("NYK@PHI",))


def test_a_game_that_a_document_does_not_list_is_missed_by_the_calendar() -> None:
    """The document claims to be complete (incident 9)."""
    configuration = configured(one=workflow(discovery(until="complete"), "bulletin"))
    short, whole = (history(fact("bulletin", completeness=KnownCompleteness(count))) for count in (8, 9))
    assert outstanding(configuration, short).missing == ("1 of 9 games, which it does not list",)
    assert outstanding(configuration, whole).found


def test_a_document_about_one_team_lists_no_games_and_is_not_short() -> None:
    configuration = configured(
        one=workflow(discovery(until="complete"), {"scraper": "roster", "for_each": "team"})
    )
    teams = {team for item in GAMES for team in item.teams}
    known = history(*(fact("roster", team, completeness=KnownCompleteness(0)) for team in teams))
    assert outstanding(configuration, known).found


def test_a_complete_success_ends_the_search_whatever_comes_after_it() -> None:
    configuration = configured(one=workflow(discovery(until="complete"), "bulletin", "digest"))
    known = history(
        fact(
            "bulletin",
            triggered_at=at("11:00"),
            completeness=KnownCompleteness(9, ("NYK@PHI",)),
            request_id="b1",
        ),
        fact("bulletin", triggered_at=at("12:00"), request_id="b2"),
        fact(
            "bulletin",
            triggered_at=at("13:00"),
            completeness=KnownCompleteness(9, ("NYK@PHI",)),
            request_id="b3",
        ),
        fact("digest", triggered_at=at("11:00")),
    )
    result = outstanding(configuration, known)
    assert (result.first_found, result.last_found, result.missing) == (at("12:00"), at("12:00"), ())


def test_found_is_not_final_where_a_refresh_is_asked_for() -> None:
    """The first report ended the search for corrections (incident 4)."""
    configuration = configured(
        again=workflow(discovery("11:00", "15:00", refresh_after_found="2h"), "bulletin")
    )
    made = configuration.workflows["again"]
    known = history(fact("bulletin", triggered_at=at("11:01")))
    due = [
        find_outstanding(item, configuration, known).refresh_due(item, made)
        for item in occurrences(configuration, calendar(), DAY)
    ]
    assert due == [False, False, True, True, True], "from slot to slot, whatever seconds lie between"


def test_found_is_final_where_none_is() -> None:
    configuration = configured(once=workflow(discovery(), "bulletin"))
    item = first(configuration, slot=7)
    result = find_outstanding(item, configuration, history(fact("bulletin")))
    assert not result.refresh_due(item, configuration.workflows["once"])


def test_scrapers_are_named_once() -> None:
    steps = [{"scraper": "bulletin", "name": name} for name in ("a", "b")]
    configuration = configured(one=workflow(at_times("08:00"), *steps, "digest"))
    made = configuration.workflows["one"]
    assert Outstanding().scrapers(made) == ["bulletin", "digest"]
    assert Outstanding({"digest": None}).scrapers(made) == ["digest"]


def test_teams_to_be_decided_are_not_found_teams() -> None:
    configuration = configured(one=workflow(discovery(), {"scraper": "roster", "for_each": "team"}))
    undecided = calendar(game(1, at("19:00"), home_team=None, away_team=None))
    item = occurrences(configuration, undecided, DAY)[0]
    assert find_outstanding(item, configuration, History()).first_found is None
