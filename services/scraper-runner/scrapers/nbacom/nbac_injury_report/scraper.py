"""`nbac_injury_report`: fetches the newest report of a game day, or one exact report, and reads it."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue, model_validator

from scrapers.nbacom.nbac_injury_report.fetching import first_published
from scrapers.nbacom.nbac_injury_report.rows import STATUSES, TableRow, read_rows
from scrapers.nbacom.nbac_injury_report.table import read_table
from scrapers.nbacom.nbac_injury_report.urls import ReportName, candidates, exact
from scrapers.nbacom.pdf_text import read_pages
from tipoff_common.clock import EASTERN
from tipoff_scraper_runner.errors import NotPublished
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters


class Parameters(ScrapeParameters):
    """`hour` and `period` (and `minute`) select exactly one report, and `as_of` is ignored. Without them the newest
    report at or before `as_of`, by default now, is fetched."""

    hour: int | None = Field(default=None, ge=1, le=12)
    minute: Literal[0, 15, 30, 45] = 0
    period: Literal["AM", "PM"] | None = None
    as_of: AwareDatetime | None = None

    @model_validator(mode="after")
    def _names_a_report(self) -> "Parameters":
        if (self.hour is None) != (self.period is None):
            raise ValueError("hour and period: give both or neither")
        if self.hour is None and self.minute:
            raise ValueError("minute: give hour and period with it")
        self.exact_report()
        return self

    def exact_report(self) -> ReportName | None:
        """Return the one requested report; None when none is specified."""
        if self.hour is None or self.period is None:
            return None
        return exact(self.game_date, self.hour, self.minute, self.period)


class InjuryRecord(Record):
    """One listed player."""

    report_time: datetime = Field(description="the instant in the report's title, UTC")
    game_date: date = Field(description="the row's game's New York date")
    game_time_et: str = Field(description='as printed, without AM or PM ("12:30 (ET)"), so never a tip-off')
    matchup: str = Field(description='"AWAY@HOME", by tricodes')
    team: str = Field(description="tricode")
    player_name: str = Field(description='as printed, "Last, First"')
    status: str = Field(description="Available, Probable, Questionable, Doubtful or Out")
    reason: str = Field(description="as printed")


def fetch(parameters: Parameters, http: Http) -> Payload:
    """Fetch the requested report, as PDF.

    Raises:
        NotPublished, Blocked, SourceChanged, Undecodable: see `fetching`.
    """
    report = parameters.exact_report()
    # The slot's instant in a replay or a backfill, otherwise the present.
    as_of = parameters.as_of or http.now
    # An exact report has no alternatives.
    reports = (report,) if report else candidates(parameters.game_date, as_of)
    if not reports:
        raise NotPublished(
            f"no report of {parameters.game_date} can be published by {as_of.astimezone(EASTERN):%Y-%m-%d %H:%M} ET"
        )
    return first_published(reports, http)


def parse(payload: bytes, _parameters: Parameters) -> Parsed:
    """Read one record per listed player; the summary lists teams that have not submitted.

    Raises:
        Undecodable: not a whole PDF.
        SourceChanged: another layout, other columns, or most rows are odd.
    """
    table = read_table(read_pages(payload))
    rows = read_rows(table.pages)
    # A row without a player is a team that has not submitted.
    listed = [row for row in rows.kept if row.submitted]
    missing = [row for row in rows.kept if not row.submitted]
    return Parsed(
        records=[_record(row, table.published) for row in listed],
        summary=_summary(listed, missing, table.published),
        empty_reason="" if listed else _empty_reason(missing),
        # The report's own day; its rows list games of that day and the next.
        about=table.published.astimezone(EASTERN).date(),
        set_aside=rows.set_aside,
    )


def _record(row: TableRow, published: datetime) -> InjuryRecord:
    return InjuryRecord(
        report_time=published,
        game_date=row.game_date,
        game_time_et=row.game_time,
        matchup=row.matchup,
        team=row.team,
        player_name=row.player_name,
        status=row.status,
        reason=row.reason,
    )


def _summary(
    listed: Sequence[TableRow], missing: Sequence[TableRow], published: datetime
) -> dict[str, JsonValue]:
    by_status = Counter(row.status for row in listed)
    names: list[JsonValue] = [
        {"game_date": row.game_date.isoformat(), "matchup": row.matchup, "team": row.team} for row in missing
    ]
    return {
        "report_time": published.isoformat(),
        "teams_listed": len({(row.game_date, row.matchup, row.team) for row in listed}),
        "teams_not_submitted": len(missing),
        "teams_not_submitted_names": names,
        "completeness": _submissions(listed, missing),
        "players_by_status": {status: by_status[status] for status in STATUSES if by_status[status]},
    }


def _submissions(listed: Sequence[TableRow], missing: Sequence[TableRow]) -> dict[str, JsonValue]:
    """Compare the teams of all listed games, two per game, with those that have submitted.

    A team without injured players has submitted, and has no row.
    """
    games = {(row.game_date, row.matchup) for row in (*listed, *missing)}
    names: list[JsonValue] = [*sorted({f"{row.game_date} {row.team}" for row in missing})]
    return {"expected": 2 * len(games), "got": 2 * len(games) - len(names), "missing": names}


def _empty_reason(missing: Sequence[TableRow]) -> str:
    if missing:
        return f"the report is published, but none of its {len(missing)} teams has submitted yet"
    return "the report is published and lists no players"
