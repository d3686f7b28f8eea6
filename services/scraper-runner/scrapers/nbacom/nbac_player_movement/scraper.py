"""`nbac_player_movement`: fetches the list of transactions and reads it."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

from pydantic import JsonValue

from scrapers.drift import drift_summary, find_drift
from scrapers.json_document import Node, json_object
from scrapers.nbacom.stats import stats_document
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

PATH = "/js/data/playermovement/NBA_Player_Movement.json"

_FIELDS = frozenset(
    {
        "Transaction_Type",
        "TRANSACTION_DATE",
        "TRANSACTION_DESCRIPTION",
        "TEAM_ID",
        "TEAM_SLUG",
        "PLAYER_ID",
        "PLAYER_SLUG",
        "Additional_Sort",
        "GroupSort",
    }
)


class Parameters(ScrapeParameters):
    """`game_date` is the day the list is fetched for; it selects nothing."""


class TransactionRecord(Record):
    """One team's side of one transaction. transaction_type: as printed ("Signing", "Trade", "Waive"). player_id and
    player_slug: null for draft picks and cash. other_team_id: the trade's other side. group: what the rows of one
    transaction share."""

    transaction_type: str
    transaction_date: date
    description: str
    team_id: int
    team_slug: str
    player_id: int | None
    player_slug: str | None
    other_team_id: int | None
    group: str


def fetch(parameters: Parameters, http: Http) -> Payload:  # noqa: ARG001  # the signature is the contract's
    """The list as it stands.

    Raises:
        Blocked, SourceChanged: see `stats`.
    """
    return stats_document(PATH, {}, http)


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """One record a row, newest first as the source has them; a row that it repeats is one.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape.
    """
    rows = list(
        json_object(payload, "the list of transactions").child("NBA_Player_Movement").children("rows")
    )
    drift = find_drift("transaction", rows, required=_FIELDS)
    records = list(dict.fromkeys(_record(row) for row in rows))
    return Parsed(
        records=records,
        summary={
            **_summary(records, parameters.game_date),
            "repeated": len(rows) - len(records),
            "drift": drift_summary(drift),
        },
    )


def _record(row: Node) -> TransactionRecord:
    return TransactionRecord(
        transaction_type=row.text("Transaction_Type"),
        transaction_date=_day(row),
        description=row.text("TRANSACTION_DESCRIPTION").strip(),
        team_id=row.whole("TEAM_ID"),
        team_slug=row.text("TEAM_SLUG"),
        player_id=row.whole("PLAYER_ID") or None,
        player_slug=row.optional_text("PLAYER_SLUG"),
        other_team_id=row.whole("Additional_Sort") or None,
        group=row.text("GroupSort"),
    )


def _day(row: Node) -> date:
    printed = row.text("TRANSACTION_DATE")
    try:
        return datetime.fromisoformat(printed).date()
    except ValueError as error:
        raise SourceChanged(f"{row.path}.TRANSACTION_DATE is {printed!r}, not YYYY-MM-DDT00:00:00") from error


def _summary(records: Sequence[TransactionRecord], game_date: date) -> dict[str, JsonValue]:
    days = [record.transaction_date for record in records]
    return {
        "transactions_by_type": dict(sorted(Counter(record.transaction_type for record in records).items())),
        "transactions_on_game_date": days.count(game_date),
        "first_date": min(days).isoformat() if days else None,
        "last_date": max(days).isoformat() if days else None,
    }
