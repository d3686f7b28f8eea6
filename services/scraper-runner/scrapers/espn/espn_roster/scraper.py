"""`espn_roster`: fetches one team's roster and reads its players."""

from collections import Counter
from datetime import date

from pydantic import Field, field_validator

from scrapers.espn.api import fetch_document
from scrapers.espn.espn_roster.team_ids import ESPN_IDS, requested_team
from scrapers.teams import UnknownTeam, team
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.drift import drift_summary, find_drift, names
from tipoff_scraper_runner.parsing.json_document import Node, json_object
from tipoff_scraper_runner.parsing.odd_items import keep_first, read_items
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

_PLAYER = names("id displayName firstName lastName status injuries")
# Nearly every player has these fields; one that no player has any more was dropped.
_PLAYER_USUAL = names("jersey position height weight age dateOfBirth experience")
_PLAYER_UNREAD = names(
    "uid guid type alternateIds fullName shortName displayWeight displayHeight debutYear links birthPlace citizenship"
    " college slug headshot linked teams collegeAthlete active contract contracts eventLog draft hand flag"
    " citizenshipCountry birthCountry nickname statistics notes news middleName"
)


class Parameters(ScrapeParameters):
    """`game_date` is the day the roster is fetched for; the document is always the current roster."""

    team: str

    @field_validator("team")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            return requested_team(value).tricode
        except UnknownTeam as error:
            raise ValueError(str(error)) from error


class RosterRecord(Record):
    """One player. A null is a value that ESPN lacks."""

    team: str = Field(description="tricode")
    espn_id: int = Field(description="ESPN's number of the player")
    player_name: str
    first_name: str
    last_name: str
    jersey: str | None
    position: str | None = Field(description='"PG", "SG", "SF", "PF", "C" or wider')
    height_inches: float | None
    weight_pounds: float | None
    age: int | None = Field(description="as of the fetch")
    date_of_birth: date | None
    experience_years: int | None = Field(description="seasons before this one")
    status: str = Field(description='"Active" and others, as printed')
    injury_status: str | None = Field(description="of the newest listed injury, as printed; null without one")
    injury_date: date | None = Field(description="of the newest listed injury; null without one")


def fetch(parameters: Parameters, http: Http) -> Payload:
    """Fetch the team with its roster.

    Raises:
        Blocked, SourceChanged: see `api`.
    """
    return fetch_document(http, f"teams/{ESPN_IDS[parameters.team]}", {"enable": "roster"})


def stated(payload: bytes) -> dict[str, str]:
    """Return the parameters that the document states: the team.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: it states no team, or an unknown one.
    """
    return {"team": team(json_object(payload, "the roster").child("team").text("abbreviation")).tricode}


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """Read one record per player, ordered by number.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: the shape or the team differs, or most players are odd.
    """
    document = json_object(payload, "the roster").child("team")
    found = team(document.text("abbreviation")).tricode
    # The number in the address is ESPN's own; a wrong one returns another team's roster without an error.
    if found != parameters.team:
        raise SourceChanged(f"requested {parameters.team}, but the document is about {found}")
    athletes = read_items("players", document.children("athletes"), lambda athlete: _player(athlete, found))
    kept, differing = keep_first(athletes.kept, lambda player: player.espn_id, "player")
    players = sorted(kept, key=lambda player: player.espn_id)
    drift = find_drift(
        "athlete", athletes.sources, required=_PLAYER, optional=_PLAYER_USUAL, rare=_PLAYER_UNREAD
    )
    no_players = f"ESPN lists no players for {found}"
    return Parsed(
        records=players,
        summary={
            "team": found,
            "players_by_status": dict(sorted(Counter(player.status for player in players).items())),
            "injured": sum(player.injury_status is not None for player in players),
            "drift": drift_summary(drift),
        },
        empty_reason="" if players else no_players,
        set_aside=(*athletes.set_aside, *differing),
        # A team has players in summer too.
        contradictions=() if players else [no_players],
    )


def _player(athlete: Node, tricode: str) -> RosterRecord:
    athlete.require(_PLAYER)
    # The source does not order them, and only the newest is current.
    injuries = sorted(athlete.children("injuries"), key=lambda injury: injury.instant("date"))
    newest = injuries[-1] if injuries else None
    return RosterRecord(
        team=tricode,
        espn_id=athlete.printed_number("id"),
        player_name=athlete.nonblank("displayName"),
        first_name=athlete.text("firstName"),
        last_name=athlete.text("lastName"),
        jersey=athlete.optional_text("jersey"),
        position=athlete.child("position").text("abbreviation") if athlete.fields.get("position") else None,
        height_inches=athlete.optional_decimal("height"),
        weight_pounds=athlete.optional_decimal("weight"),
        age=athlete.optional_integer("age"),
        date_of_birth=athlete.instant("dateOfBirth").date() if athlete.fields.get("dateOfBirth") else None,
        experience_years=(
            athlete.child("experience").optional_integer("years")
            if athlete.fields.get("experience")
            else None
        ),
        status=athlete.child("status").text("name"),
        injury_status=newest.text("status") if newest else None,
        injury_date=newest.instant("date").date() if newest else None,
    )
