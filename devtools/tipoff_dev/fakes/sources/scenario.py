"""The model of a scenario file: part of a season, the injuries, and the publication times of the reports.

Times of day are New York's. A time past 24:00 is after midnight but on the league's date of the day before: a game of
2025-01-25 that tips at "24:30" tips on 2025-01-26 at 00:30 ET.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from tipoff_common.clock import EASTERN
from tipoff_common.yaml_source import YamlSource
from tipoff_dev.fakes.sources.faults import SourceFault
from tipoff_dev.fakes.sources.teams import TEAMS, UNDECIDED, FakeTeam

DEFAULT_SCENARIO = Path(__file__).parent / "scenarios" / "game_day_2025_01_15.yaml"

TimeOfDay = Annotated[str, Field(pattern=r"^[0-2]\d:[0-5]\d$")]
ReportFile = Annotated[str, Field(pattern=r"^Injury-Report_\d{4}-\d{2}-\d{2}_\d{2}(_\d{2})?[AP]M\.pdf$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExtraTeam(_Model):
    """A team outside the league, such as an All-Star team."""

    id: int
    city: str = ""
    name: str


class ScenarioGame(_Model):
    """One game of a scenario."""

    id: str = Field(pattern=r"^00[1-6]\d{7}$")
    away: str = Field(default="", description='tricode, "" while undecided')
    home: str = Field(default="", description='tricode, "" while undecided')
    tip: TimeOfDay | None = Field(default=None, description="time of day; null while it is to be decided")
    label: str = ""
    sub_label: str = ""
    arena: str = ""
    postponed_at: AwareDatetime | None = Field(default=None, description="when the schedule first shows it")

    def is_off(self, now: datetime) -> bool:
        """Return whether the schedule shows the game as postponed at `now` (aware)."""
        return self.postponed_at is not None and self.postponed_at <= now


class Injury(_Model):
    """A player's line in the reports between two instants; if several apply, the one with the latest `since` counts."""

    team: str
    player: str = Field(pattern=r"^[^,]+, [^,]+$", description='as printed, "Last, First"')
    status: Literal["Available", "Probable", "Questionable", "Doubtful", "Out"]
    reason: str
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def applies(self, at: datetime) -> bool:
        """Return whether the line is reported at an instant."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


class Submissions(_Model):
    """Times at which teams submit their lists, by the league's rule: at 17:00 the day before the game, or for the
    second game in two days at 13:00 on the game's day."""

    day_before: TimeOfDay = "17:00"
    back_to_back: TimeOfDay = "13:00"
    late: Mapping[date, Mapping[str, TimeOfDay]] = Field(
        default_factory=dict, description="exceptions by game date and team, times on the game date"
    )


class ReportDay(_Model):
    """Publication times of one day's injury reports."""

    first: TimeOfDay = Field(default="00:30", description="time in the title of a day's first report")
    first_published: TimeOfDay | None = Field(
        default=None, description="when the first report is published, if not at that time"
    )
    delay_minutes: int = Field(default=0, ge=0, description="from a report's title to its publication")


class Reports(_Model):
    """Publication times of the injury reports."""

    default: ReportDay = ReportDay()
    days: Mapping[date, ReportDay] = Field(default_factory=dict)
    published: Mapping[ReportFile, AwareDatetime | None] = Field(
        default_factory=dict, description="single reports by file name; null for never"
    )
    always: tuple[ReportFile, ...] = Field(
        default=(), description="reports that are always published, like the archive of past seasons"
    )


class Scenario(_Model):
    """A scenario file."""

    name: str
    description: str
    season_year: str = Field(pattern=r"^\d{4}-\d{2}$")
    games: Mapping[date, tuple[ScenarioGame, ...]]
    extra_teams: Mapping[str, ExtraTeam] = Field(default_factory=dict)
    injuries: tuple[Injury, ...] = ()
    submissions: Submissions = Submissions()
    reports: Reports = Reports()
    faults: tuple[SourceFault, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [game.id for _, game in self.all_games()]
        if twice := sorted({game_id for game_id in ids if ids.count(game_id) > 1}):
            raise ValueError(f"games: {', '.join(twice)} appear twice; give each game its own id")
        tricodes = {code for _, game in self.all_games() for code in (game.away, game.home)}
        tricodes |= {injury.team for injury in self.injuries}
        if unknown := sorted(tricodes - set(TEAMS) - set(self.extra_teams) - {""}):
            raise ValueError(f"unknown teams {', '.join(unknown)}: add them to extra_teams")
        return self

    def all_games(self) -> Iterator[tuple[date, ScenarioGame]]:
        """Yield every game with the league's date for it."""
        return ((day, game) for day, games in self.games.items() for game in games)

    def team(self, tricode: str) -> FakeTeam:
        """Return a team, the scenario's own included."""
        if tricode in self.extra_teams:
            extra = self.extra_teams[tricode]
            return FakeTeam(tricode, extra.id, extra.city, extra.name)
        return TEAMS[tricode] if tricode else UNDECIDED


def at(day: date, time_of_day: str) -> datetime:
    """Return the aware instant of a New York time of day, which may be past 24:00."""
    hours, minutes = (int(part) for part in time_of_day.split(":"))
    days, hours = divmod(hours, 24)
    return datetime.combine(day + timedelta(days=days), time(hours, minutes), tzinfo=EASTERN)


def load_scenario(path: Path = DEFAULT_SCENARIO) -> Scenario:
    """Read a scenario. Raises ConfigurationError when the file cannot be read or is not valid."""
    return YamlSource.read(path).validate(Scenario)
