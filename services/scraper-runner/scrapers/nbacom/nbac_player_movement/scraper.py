"""`nbac_player_movement`: fetches and parses the list of transactions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from pydantic import Field, JsonValue

from scrapers.editions import lost_share
from scrapers.nbacom.stats import stats_document
from scrapers.teams import team_by_id
from tipoff_scraper_runner.parsing.drift import drift_summary, find_drift
from tipoff_scraper_runner.parsing.json_document import Node, json_object
from tipoff_scraper_runner.parsing.odd_items import read_items
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

# A static file of the site, not an endpoint: it takes no query and responds at once.
PATH = "/js/data/playermovement/NBA_Player_Movement.json"

# The source's keys, with three styles of capitals; all are read.
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

# Maximum share of rows lost from one edition to the next. The list only grows; wordings are corrected.
MAX_LOST = 0.1
# Maximum age of the newest transaction. Between 2015 and 2025 the longest pause was 66 days, except for two in the
# interrupted season of 2020.
MAX_AGE = timedelta(days=90)
# A transaction may have the date of the next day.
_AHEAD = timedelta(days=1)


class Parameters(ScrapeParameters):
    """`game_date` is the day the list is fetched for; it selects nothing."""


class TransactionRecord(Record):
    """One team's side of one transaction."""

    transaction_type: str = Field(description='as printed: "Signing", "Trade", "Waive"')
    transaction_date: date
    description: str
    team: str = Field(description="tricode")
    team_id: int
    team_slug: str
    player_id: int | None = Field(description="null for draft picks and cash")
    player_slug: str | None = Field(description="null for draft picks and cash")
    other_team: str | None = Field(description="tricode of a trade's other side; null without one")
    other_team_id: int | None
    group: str = Field(description="the same for all rows of one transaction")


def fetch(parameters: Parameters, http: Http) -> Payload:  # noqa: ARG001  # the protocol fixes the signature
    """Fetch the current list.

    Raises:
        Blocked, SourceChanged: see `stats`.
    """
    return stats_document(PATH, {}, http)


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """Read one record per row, newest first as in the source; a repeated row is one record.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, or most rows are odd.
    """
    document = json_object(payload, "the list of transactions")
    rows = read_items("rows", document.child("NBA_Player_Movement").children("rows"), _record)
    # The source repeats some rows unchanged.
    records = list(dict.fromkeys(rows.kept))
    return Parsed(
        records=records,
        summary={
            **_summary(records, parameters.game_date),
            "repeated": len(rows.kept) - len(records),
            "drift": drift_summary(find_drift("transaction", rows.sources, required=_FIELDS)),
        },
        set_aside=rows.set_aside,
        contradictions=_contradictions(records, parameters.game_date),
        suspect=_staleness(records, parameters.game_date),
    )


def _staleness(records: Sequence[TransactionRecord], day: date) -> str:
    """Describe why the list is outdated on `day`; blank when it is not."""
    newest = max((record.transaction_date for record in records), default=day)
    # Also true for a list that is newer than the day, which is not frozen.
    if day - newest <= MAX_AGE:
        return ""
    return f"the list is frozen: on {day} its newest transaction is dated {newest}"


def _contradictions(records: Sequence[TransactionRecord], day: date) -> list[str]:
    """Report transactions after the day: the list is always the current one, and a past day may be requested
    manually."""
    newest = max((record.transaction_date for record in records), default=day)
    return [f"requested {day}, but the newest transaction is dated {newest}"] if newest - day > _AHEAD else []


def lost(parsed: Parsed, previous: Sequence[Mapping[str, JsonValue]]) -> str:
    """Describe how many rows of the previous edition are missing; blank for a usual number."""
    # A transaction is identified by group, team and player; the league corrects wordings.
    keys = [(row.get("group"), row.get("team_id"), row.get("player_id")) for row in previous]
    # Ignore rows without a group or with lists or objects in the key: this scraper did not write that file.
    before = [
        key
        for key in keys
        if isinstance(key[0], str) and not any(isinstance(part, list | dict) for part in key)
    ]
    present = [
        (row.group, row.team_id, row.player_id)
        for row in parsed.records
        if isinstance(row, TransactionRecord)
    ]
    return lost_share(before, present, "transactions", MAX_LOST)


def _record(row: Node) -> TransactionRecord:
    row.require(_FIELDS)
    # In trades this key holds the other team's id, otherwise 0.
    other_id = row.integer("Additional_Sort") or None
    return TransactionRecord(
        transaction_type=row.text("Transaction_Type"),
        transaction_date=row.day("TRANSACTION_DATE", "%Y-%m-%dT%H:%M:%S", "YYYY-MM-DDT00:00:00"),
        description=row.text("TRANSACTION_DESCRIPTION").strip(),
        team=team_by_id(row.integer("TEAM_ID")).tricode,
        team_id=row.integer("TEAM_ID"),
        team_slug=row.text("TEAM_SLUG"),
        # 0 for a draft pick, for cash, and for rights to a player.
        player_id=row.integer("PLAYER_ID") or None,
        player_slug=row.optional_text("PLAYER_SLUG"),
        other_team=team_by_id(other_id).tricode if other_id else None,
        other_team_id=other_id,
        group=row.text("GroupSort"),
    )


def _summary(records: Sequence[TransactionRecord], game_date: date) -> dict[str, JsonValue]:
    days = [record.transaction_date for record in records]
    return {
        "transactions_by_type": dict(sorted(Counter(record.transaction_type for record in records).items())),
        "transactions_on_game_date": days.count(game_date),
        "first_date": min(days).isoformat() if days else None,
        "last_date": max(days).isoformat() if days else None,
    }
