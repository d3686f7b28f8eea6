"""`nbac_gamebook_pdf`: fetches a game's official scorer's report and reads its final box."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from pydantic import Field, JsonValue

from scrapers.nbacom.box_score import GameParameters
from scrapers.nbacom.nbac_gamebook_pdf.fetching import fetch_gamebook
from scrapers.nbacom.nbac_gamebook_pdf.report import Report, broken_laws, read_report
from scrapers.nbacom.nbac_gamebook_pdf.tables import PlayerLine, Status, TeamTable
from scrapers.nbacom.pdf_text import read_pages
from tipoff_scraper_runner.parsing.drift import Drift, drift_summary
from tipoff_scraper_runner.scraper import Parsed, Record

Parameters = GameParameters
fetch = fetch_gamebook


class GamebookRecord(Record):
    """One player of one game. The numbers are null for a player who did not play."""

    game_id: str
    game_date: date
    team: str = Field(description="tricode")
    opponent: str = Field(description="tricode")
    home: bool
    player_name: str = Field(description="as printed; for inactive players the family name only")
    jersey: str | None = Field(description="null for inactive players")
    status: Status = Field(
        description="played, did not play (dnp), did not dress (dnd), not with the team (nwt) or inactive"
    )
    reason: str | None = Field(description="as printed")
    position: str | None = Field(description="of starters only")
    seconds_played: float
    field_goals_made: int | None = None
    field_goals_attempted: int | None = None
    three_pointers_made: int | None = None
    three_pointers_attempted: int | None = None
    free_throws_made: int | None = None
    free_throws_attempted: int | None = None
    rebounds_offensive: int | None = None
    rebounds_defensive: int | None = None
    rebounds_total: int | None = None
    assists: int | None = None
    fouls_personal: int | None = None
    steals: int | None = None
    turnovers: int | None = None
    blocks: int | None = None
    plus_minus: int | None = None
    points: int | None = None


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """Read one record per player, visitors first, as printed. A report without its numbers is NoData.

    Raises:
        Undecodable: not a whole PDF.
        SourceChanged: another layout, an unknown team, or most lines are odd.
    """
    report = read_report(read_pages(payload))
    sides = ((report.visitor, report.home), (report.home, report.visitor))
    records = [
        _record(player, table, opponent, report, parameters.game_id)
        for table, opponent in sides
        for player in table.players
    ]
    # The report may be published before its numbers; without them it is not complete.
    lacks = report.contradictions
    unbalanced = [f"parentheses do not match in {text!r}" for text in report.unbalanced]
    return Parsed(
        records=() if lacks else records,
        summary=_summary(report, records),
        empty_reason=f"the report of game {parameters.game_id} is not complete: {'; '.join(lacks)}"
        if lacks
        else "",
        about=report.day,
        set_aside=report.set_aside,
        contradictions=[*lacks, *unbalanced],
    )


def _record(
    player: PlayerLine, table: TeamTable, opponent: TeamTable, report: Report, game_id: str
) -> GamebookRecord:
    return GamebookRecord(
        game_id=game_id,
        game_date=report.day,
        team=table.team.tricode,
        opponent=opponent.team.tricode,
        home=table.home,
        player_name=player.name,
        jersey=player.jersey,
        status=player.status,
        reason=player.reason,
        position=player.position,
        seconds_played=player.seconds,
        **player.numbers,
    )


def _summary(report: Report, records: Sequence[GamebookRecord]) -> dict[str, JsonValue]:
    tables = (report.visitor, report.home)
    printed = {
        "officials": report.officials,
        "attendance": report.attendance,
        "duration_minutes": report.duration_minutes,
    }
    missing = tuple(f"report.{name}" for name, value in printed.items() if value is None)
    broken: list[JsonValue] = [law for table in tables for law in broken_laws(table)]
    return {
        "score": {table.team.tricode: table.totals["points"] for table in tables},
        "team_minutes": {table.team.tricode: table.seconds / 60 for table in tables},
        "players_by_status": dict(sorted(Counter(record.status for record in records).items())),
        "place": report.place,
        "officials": list(report.officials or ()),
        "attendance": report.attendance,
        "duration_minutes": report.duration_minutes,
        "broken_laws": broken,
        "drift": drift_summary(Drift(missing_optional=missing)),
    }
