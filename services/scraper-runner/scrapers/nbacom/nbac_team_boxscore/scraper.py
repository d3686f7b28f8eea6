"""`nbac_team_boxscore`: fetches a game's box score and reads its teams' lines."""

from collections.abc import Iterator

from pydantic import Field

from scrapers.nbacom.box_score import BoxRecord, BoxScore, GameParameters, Side, fetch_box_score, stated_game
from scrapers.nbacom.box_score_laws import SHOTS, broken_laws
from scrapers.nbacom.durations import seconds
from scrapers.nbacom.final_box_score import BoxReading, parse_final
from tipoff_scraper_runner.parsing.drift import drift_summary, find_drift, names
from tipoff_scraper_runner.parsing.source_records import CamelRecord, keys_of, read_record
from tipoff_scraper_runner.scraper import Parsed

# Known and not read, as each is derived or for display only; a key beside these is reported as drift.
_UNREAD = names(
    "minutes minutesCalculated timeLeading assistsTurnoverRatio biggestLeadScore biggestScoringRunScore"
    " fastBreakPointsPercentage fieldGoalsEffectiveAdjusted pointsInThePaintPercentage"
    " secondChancePointsPercentage trueShootingAttempts trueShootingPercentage twoPointersPercentage"
)


Parameters = GameParameters
fetch = fetch_box_score


class TeamStatistics(CamelRecord):
    """A team's statistics; percentages are shares of 1."""

    points: int
    points_against: int
    field_goals_made: int
    field_goals_attempted: int
    field_goals_percentage: float
    two_pointers_made: int
    two_pointers_attempted: int
    three_pointers_made: int
    three_pointers_attempted: int
    three_pointers_percentage: float
    free_throws_made: int
    free_throws_attempted: int
    free_throws_percentage: float
    rebounds_offensive: int
    rebounds_defensive: int
    rebounds_total: int
    rebounds_personal: int
    rebounds_team: int
    rebounds_team_offensive: int
    rebounds_team_defensive: int
    assists: int
    steals: int
    blocks: int
    blocks_received: int
    turnovers: int
    turnovers_team: int
    turnovers_total: int
    fouls_personal: int
    fouls_offensive: int
    fouls_drawn: int
    fouls_technical: int
    fouls_team: int
    fouls_team_technical: int
    bench_points: int
    biggest_lead: int
    biggest_scoring_run: int
    lead_changes: int
    times_tied: int
    fast_break_points_made: int
    fast_break_points_attempted: int
    points_fast_break: int
    points_from_turnovers: int
    points_in_the_paint: int
    points_in_the_paint_made: int
    points_in_the_paint_attempted: int
    points_second_chance: int
    second_chance_points_made: int
    second_chance_points_attempted: int


class TeamBoxRecord(TeamStatistics, BoxRecord):
    """One team of one game."""

    score: int
    period_points: tuple[int, ...] = Field(description="points by period, from the fifth on overtime")
    seconds_leading: float = Field(description="how long the team was ahead")


def stated(payload: bytes) -> dict[str, str]:
    """Return the parameters that the document states. Raises as `stated_game` does."""
    return stated_game(payload, "the box score")


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """Read one record per team once the game is over, home team first. Raises as `parse_final` does."""
    return parse_final(payload, parameters, _read)


def _read(box: BoxScore) -> BoxReading:
    # Neither team is set aside: a game needs the lines of both.
    records = [_record(box, side) for side in box.sides]
    statistics = [side.node.child("statistics") for side in box.sides]
    drift = find_drift("statistics", statistics, required=keys_of(TeamStatistics), optional=_UNREAD)
    return BoxReading(
        records=records,
        summary={
            "team_minutes": {record.team: record.seconds_played / 60 for record in records},
            "broken_laws": [*broken_laws(box), *(law for side in box.sides for law in _broken_by(side))],
            "drift": drift_summary(*box.drift, drift),
        },
    )


def _broken_by(side: Side) -> Iterator[str]:
    """Yield a sentence for each kind of shot with more made than taken in the team's own line."""
    statistics = side.node.child("statistics")
    for shots in SHOTS:
        if statistics.integer(f"{shots}Made") > statistics.integer(f"{shots}Attempted"):
            yield f"{side.team.tricode}: the team makes more {shots} than it takes"


def _record(box: BoxScore, side: Side) -> TeamBoxRecord:
    statistics = side.node.child("statistics")
    return read_record(
        TeamBoxRecord,
        statistics,
        **box.names(side),
        score=side.node.count("score"),
        period_points=tuple(period.count("score") for period in side.node.children("periods")),
        seconds_played=seconds(statistics.text("minutes")),
        # Missing in the first box scores of a season; counted as 0.
        seconds_leading=seconds(str(statistics.fields.get("timeLeading") or "")),
    )
