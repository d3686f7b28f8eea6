"""`bdl_injuries`: fetches who is injured now and reads it."""

from collections import Counter
from collections.abc import Iterator

from scrapers.balldontlie.bdl_injuries.fetching import all_pages
from scrapers.balldontlie.bdl_injuries.team_ids import team_by_number
from scrapers.drift import drift_summary, find_drift, names
from scrapers.json_document import Node, json_value, objects
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

_INJURY = names("player status return_date description")
_PLAYER = names("id first_name last_name team_id")
_PLAYER_UNREAD = names(
    "position height weight jersey_number college country draft_year draft_round draft_number"
)


class Parameters(ScrapeParameters):
    """`game_date` is the day the list is fetched for; the list is that of now."""


class BdlInjuryRecord(Record):
    """One injured player. bdl_player_id: the source's number. team: tricode. status: as printed ("Out", "Day-To-Day").
    return_date: as printed, a month and a day without a year ("Oct 1"). A null says that the source does not tell."""

    bdl_player_id: int
    player_name: str
    team: str
    status: str
    return_date: str | None
    description: str | None


def fetch(parameters: Parameters, http: Http) -> Payload:  # noqa: ARG001  # the signature is the contract's
    """The whole list.

    Raises:
        Blocked, SourceChanged: see `fetching`.
    """
    return all_pages(http)


def parse(payload: bytes, _parameters: Parameters) -> Parsed:
    """One record an injury, by team and player; one that two pages repeat is one.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, an unknown team, or pages that are missing at the end.
    """
    pages = list(_pages(payload))
    if any(page.child("meta").fields.get("next_cursor") for page in pages[-1:]):
        raise SourceChanged(f"{pages[-1].path}.meta.next_cursor tells of another page, which is not there")
    injuries = [injury for page in pages for injury in page.children("data")]
    players = [injury.child("player") for injury in injuries]
    drifts = (
        find_drift("injury", injuries, required=_INJURY),
        find_drift("player", players, required=_PLAYER, optional=_PLAYER_UNREAD),
    )
    records = sorted(dict.fromkeys(_record(injury) for injury in injuries), key=_order)
    return Parsed(
        records=records,
        summary={
            "injuries_by_status": dict(sorted(Counter(record.status for record in records).items())),
            "teams": len({record.team for record in records}),
            "repeated": len(injuries) - len(records),
            "drift": drift_summary(*drifts),
        },
        empty_reason="" if records else "the list is there and names nobody",
    )


def _pages(payload: bytes) -> Iterator[Node]:
    document = json_value(payload, "the list of injuries")
    return objects("pages", document if isinstance(document, list) else [document])


def _record(injury: Node) -> BdlInjuryRecord:
    player = injury.child("player")
    return BdlInjuryRecord(
        bdl_player_id=player.number("id"),
        player_name=f"{player.text('first_name')} {player.text('last_name')}".strip(),
        team=team_by_number(player.number("team_id")).tricode,
        status=injury.text("status"),
        return_date=injury.optional_text("return_date"),
        description=injury.optional_text("description"),
    )


def _order(record: BdlInjuryRecord) -> tuple[object, ...]:
    return (record.team, record.player_name, record.bdl_player_id, record.status, record.description or "")
