"""`bdl_injuries`: fetches and parses the list of current injuries."""

from collections import Counter

from pydantic import Field

from scrapers.balldontlie.bdl_injuries.fetching import all_pages
from scrapers.balldontlie.bdl_injuries.team_ids import team_by_number
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.drift import drift_summary, find_drift, names
from tipoff_scraper_runner.parsing.json_document import Node, elements, json_value
from tipoff_scraper_runner.parsing.odd_items import read_items
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

_INJURY = names("player status return_date description")
_PLAYER = names("id first_name last_name team_id")
_PLAYER_UNREAD = names(
    "position height weight jersey_number college country draft_year draft_round draft_number"
)

_NO_INJURIES = "the list has no injuries"


class Parameters(ScrapeParameters):
    """`game_date` is the day the list is fetched for; the list is always the current one."""


class BdlInjuryRecord(Record):
    """One injured player. A null is a value that the source lacks."""

    bdl_player_id: int = Field(description="the source's number of the player")
    player_name: str
    team: str = Field(description="tricode")
    status: str = Field(description='as printed: "Out", "Day-To-Day"')
    return_date: str | None = Field(description='as printed, a month and a day without a year: "Oct 1"')
    description: str | None


def fetch(parameters: Parameters, http: Http) -> Payload:  # noqa: ARG001  # the protocol fixes the signature
    """Fetch the whole list.

    Raises:
        Blocked, SourceChanged: see `fetching`.
    """
    return all_pages(http)


def parse(payload: bytes, _parameters: Parameters) -> Parsed:
    """Read one record per injury, ordered by team and player; an injury on two pages is one record.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: the shape differs, pages are missing at the end, or most injuries are odd.
    """
    pages = _pages(payload)
    # A cursor on the last page means that pages are missing: half a list would pass for the whole.
    if any(page.child("meta").fields.get("next_cursor") for page in pages[-1:]):
        raise SourceChanged(f"{pages[-1].path}.meta.next_cursor refers to another page, which is missing")
    listed = [injury for page in pages for injury in page.children("data")]
    injuries = read_items("injuries", listed, _record)
    # Pages are fetched one after the other, so an entry that moves meanwhile is on two of them.
    records = sorted(dict.fromkeys(injuries.kept), key=_order)
    players = [injury.child("player") for injury in injuries.sources]
    return Parsed(
        records=records,
        summary={
            "injuries_by_status": dict(sorted(Counter(record.status for record in records).items())),
            "teams": len({record.team for record in records}),
            "repeated": len(injuries.kept) - len(records),
            "drift": drift_summary(
                find_drift("injury", injuries.sources, required=_INJURY),
                find_drift("player", players, required=_PLAYER, optional=_PLAYER_UNREAD),
            ),
        },
        empty_reason="" if records else _NO_INJURIES,
        set_aside=injuries.set_aside,
        # In every week of the year some player of the thirty teams is injured.
        contradictions=() if records else [_NO_INJURIES],
    )


def _pages(payload: bytes) -> list[Node]:
    document = json_value(payload, "the list of injuries")
    return elements("pages", document if isinstance(document, list) else [document])


def _record(injury: Node) -> BdlInjuryRecord:
    injury.require(_INJURY)
    player = injury.child("player")
    player.require(_PLAYER)
    return BdlInjuryRecord(
        bdl_player_id=player.integer("id"),
        player_name=f"{player.text('first_name')} {player.text('last_name')}".strip(),
        team=team_by_number(player.integer("team_id")).tricode,
        status=injury.text("status"),
        return_date=injury.optional_text("return_date"),
        description=injury.optional_text("description"),
    )


def _order(record: BdlInjuryRecord) -> tuple[object, ...]:
    return (record.team, record.player_name, record.bdl_player_id, record.status, record.description or "")
