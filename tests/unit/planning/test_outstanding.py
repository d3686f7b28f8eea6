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
from tipoff_planning.history import History, ReportedCompleteness
from tipoff_planning.occurrences import Occurrence, occurrences
from tipoff_planning.outstanding import Outstanding, find_outstanding
from tipoff_planning.workflows import Configuration

GAMES = slate(9)


def first(configuration: Configuration, slot: int = 0) -> Occurrence:
    return occurrences(configuration, calendar(*GAMES), DAY)[slot]


def outstanding(configuration: Configuration, known: History) -> Outstanding:
    return find_outstanding(first(configuration), configuration, known)


def test_workflow_is_found_when_each_of_its_scrapers_is_found() -> None:
    """One scraper closed a whole workflow (incident 33)."""
    configuration = configured(one=workflow(discovery(), "bulletin", "digest"))
    partly = outstanding(configuration, history(fact("bulletin")))
    assert (partly.found, set(partly.steps or {})) == (False, {"digest"})
    assert outstanding(configuration, history(fact("bulletin"), fact("digest"))).found


def test_find_of_a_game_leaves_the_other_games_outstanding() -> None:
    """One of nine games counted as all (incident 9)."""
    configuration = configured(one=workflow(discovery(), {"scraper": "box_score", "for_each": "game"}))
    partly = outstanding(configuration, history(fact("box_score", GAMES[0].game_id)))
    assert partly.steps == {"box_score": frozenset(item.game_id for item in GAMES[1:])}


def test_team_is_outstanding_until_found() -> None:
    configuration = configured(one=workflow(discovery(), {"scraper": "roster", "for_each": "team"}))
    teams = {team for item in GAMES for team in item.teams}
    one = min(teams)
    assert outstanding(configuration, history(fact("roster", one))).steps == {
        "roster": frozenset(teams - {one})
    }


def test_each_game_of_per_game_workflow_is_searched_separately() -> None:
    configuration = configured(one=workflow(per_game(), "box_score"))
    known = history(fact("box_score", GAMES[0].game_id))
    states = {
        item.subject: find_outstanding(item, configuration, known).found
        for item in occurrences(configuration, calendar(*GAMES), DAY)
    }
    assert [subject for subject, found in states.items() if found] == [GAMES[0].game_id]


def test_teams_of_a_game_are_outstanding_separately() -> None:
    """A request with a game and a team is found by a success with the same game and team."""
    configuration = configured(one=workflow(per_game(), {"scraper": "team_sheet", "for_each": "team"}))
    item = first(configuration)
    away, home = sorted(item.games[0].teams)
    known = history(fact("team_sheet", f"{item.subject}&{away}"))
    assert find_outstanding(item, configuration, known).steps == {"team_sheet": frozenset({home})}


def test_same_scraper_with_other_parameters_is_outstanding_separately() -> None:
    """A success of one market does not cover the other (incident 33)."""
    steps = [
        {"scraper": "bulletin", "name": name, "parameters": {"market": name, "as_of": "{slot}"}}
        for name in ("h2h", "spreads")
    ]
    configuration = configured(one=workflow(discovery(), *steps))
    assert set(outstanding(configuration, history(fact("bulletin", "h2h"))).steps or {}) == {"spreads"}


def test_slot_dependent_parameter_does_not_change_the_subject() -> None:
    configuration = configured(
        one=workflow(discovery(), {"scraper": "bulletin", "parameters": {"as_of": "{slot}"}})
    )
    assert outstanding(configuration, history(fact("bulletin"))).found


def test_at_workflow_is_fully_outstanding_each_time() -> None:
    configuration = configured(one=workflow(at_times("08:00"), "bulletin"))
    assert outstanding(configuration, history(fact("bulletin"))) == Outstanding()


def test_yesterdays_success_does_not_count_today() -> None:
    """Yesterday's report counted as today's (incident 2)."""
    configuration = configured(one=workflow(discovery(), "bulletin"))
    assert not outstanding(configuration, history(fact("bulletin", game_date=DAY - timedelta(days=1)))).found


def test_workflow_is_found_at_time_of_its_last_part() -> None:
    configuration = configured(one=workflow(discovery(), "bulletin", "digest"))
    known = history(
        fact("bulletin", triggered_at=at("11:00")),
        fact("digest", triggered_at=at("12:00"), request_id="d1"),
        fact("digest", triggered_at=at("15:00"), request_id="d2"),
    )
    result = outstanding(configuration, known)
    assert (result.first_found, result.last_found) == (at("12:00"), at("15:00"))


def test_incomplete_document_is_found_but_not_complete() -> None:
    """A document for nine games may contain eight (incident 9)."""
    found, complete = (
        configured(one=workflow(discovery(until=until), "bulletin")) for until in ("found", "complete")
    )
    known = history(fact("bulletin", completeness=ReportedCompleteness(9, ("NYK@PHI",))))
    assert outstanding(found, known).found
    result = outstanding(complete, known)
    assert (result.found, set(result.steps or {}), result.missing) == (False, {"bulletin"}, ("NYK@PHI",))


def test_unlisted_game_is_detected_by_calendar_count() -> None:
    """The document claims to be complete (incident 9)."""
    configuration = configured(one=workflow(discovery(until="complete"), "bulletin"))
    short, whole = (history(fact("bulletin", completeness=ReportedCompleteness(count))) for count in (8, 9))
    assert outstanding(configuration, short).missing == ("1 of 9 games, which it does not list",)
    assert outstanding(configuration, whole).found


def test_team_document_without_games_is_complete() -> None:
    configuration = configured(
        one=workflow(discovery(until="complete"), {"scraper": "roster", "for_each": "team"})
    )
    teams = {team for item in GAMES for team in item.teams}
    known = history(*(fact("roster", team, completeness=ReportedCompleteness(0)) for team in teams))
    assert outstanding(configuration, known).found


def test_complete_success_ends_search_despite_later_incomplete_success() -> None:
    configuration = configured(one=workflow(discovery(until="complete"), "bulletin", "digest"))
    known = history(
        fact(
            "bulletin",
            triggered_at=at("11:00"),
            completeness=ReportedCompleteness(9, ("NYK@PHI",)),
            request_id="b1",
        ),
        fact("bulletin", triggered_at=at("12:00"), request_id="b2"),
        fact(
            "bulletin",
            triggered_at=at("13:00"),
            completeness=ReportedCompleteness(9, ("NYK@PHI",)),
            request_id="b3",
        ),
        fact("digest", triggered_at=at("11:00")),
    )
    result = outstanding(configuration, known)
    assert (result.first_found, result.last_found, result.missing) == (at("12:00"), at("12:00"), ())


def test_found_search_is_refreshed_if_configured() -> None:
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


def test_found_search_is_final_without_refresh() -> None:
    configuration = configured(once=workflow(discovery(), "bulletin"))
    item = first(configuration, slot=7)
    result = find_outstanding(item, configuration, history(fact("bulletin")))
    assert not result.refresh_due(item, configuration.workflows["once"])


def test_outstanding_scrapers_are_named_once() -> None:
    steps = [{"scraper": "bulletin", "name": name} for name in ("a", "b")]
    configuration = configured(one=workflow(at_times("08:00"), *steps, "digest"))
    made = configuration.workflows["one"]
    assert Outstanding().scrapers(made) == ["bulletin", "digest"]
    assert Outstanding({"digest": None}).scrapers(made) == ["digest"]


def test_undecided_teams_do_not_count_as_found() -> None:
    configuration = configured(one=workflow(discovery(), {"scraper": "roster", "for_each": "team"}))
    undecided = calendar(game(1, at("19:00"), home_team=None, away_team=None))
    item = occurrences(configuration, undecided, DAY)[0]
    assert find_outstanding(item, configuration, History()).first_found is None
