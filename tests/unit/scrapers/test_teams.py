import pytest

from scrapers.teams import TEAMS, UnknownTeam, team, team_by_id
from tipoff_dev.fakes.sources.teams import TEAMS as STAND_IN_TEAMS
from tipoff_scraper_runner.errors import SourceChanged


def test_thirty_teams_have_unique_identifiers() -> None:
    assert len(TEAMS) == 30
    for key in ("id", "tricode", "name", "nickname"):
        assert len({getattr(one, key) for one in TEAMS}) == 30


@pytest.mark.parametrize("one", TEAMS, ids=lambda one: one.tricode)
def test_team_is_found_by_every_spelling_and_id(one: object) -> None:
    known = team(str(getattr(one, "tricode", "")))

    assert known is one
    for spelling in (known.tricode, known.name, known.name.upper(), known.nickname, f" {known.name} "):
        assert team(spelling) is known
    assert team_by_id(known.id) is known
    assert STAND_IN_TEAMS[known.tricode].full_name == known.name
    assert STAND_IN_TEAMS[known.tricode].id == known.id


@pytest.mark.parametrize(
    ("spelling", "tricode"),
    [
        ("GS", "GSW"),
        ("NO", "NOP"),
        ("NY", "NYK"),
        ("SA", "SAS"),
        ("UTAH", "UTA"),
        ("WSH", "WAS"),
        ("Los Angeles Clippers", "LAC"),
        ("LA Clippers", "LAC"),
        ("Los Angeles Lakers", "LAL"),
        ("Portland Trail Blazers", "POR"),
        ("Philadelphia 76ers", "PHI"),
        ("PHILADELPHIA  76ERS", "PHI"),
        ("Oklahoma City", "OKC"),
    ],
)
def test_team_is_found_by_spellings_of_other_sources(spelling: str, tricode: str) -> None:
    assert team(spelling).tricode == tricode


@pytest.mark.parametrize("spelling", ["", "LA", "Los Angeles", "Seattle SuperSonics", "New York Nicks"])
def test_unknown_or_ambiguous_spelling_is_named_in_error(spelling: str) -> None:
    with pytest.raises(UnknownTeam, match=f"unknown team {spelling!r}"):
        team(spelling)


def test_an_unknown_team_is_a_changed_source() -> None:
    with pytest.raises(SourceChanged, match="no team has the id 7"):
        team_by_id(7)
