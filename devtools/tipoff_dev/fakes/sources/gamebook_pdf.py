"""The official scorer's report of a game as PDF: one page, the visitor's table above the home team's, inactive players
in lists that wrap. The same game gives the same bytes."""

import io
from collections.abc import Iterator, Sequence
from datetime import date

from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from tipoff_dev.fakes.sources.box_score_json import counts
from tipoff_dev.fakes.sources.game_story import GameStory, Player, tell
from tipoff_dev.fakes.sources.scenario import Scenario, ScenarioGame

_STATISTICS_LABELS = "FG FGA 3P 3PA FT FTA OR DR TOT A PF ST TO BS +/- PTS"

_WIDTH, _HEIGHT, _LEFT, _TOP, _LINE = 612.0, 792.0, 24.0, 36.0, 11.0
_FONT, _SIZE = "Helvetica", 8.0
_NAME_AT, _POS_AT, _MIN_AT, _NUMBERS_AT, _NUMBER_WIDTH = 42.0, 170.0, 215.0, 240.0, 22.0
_WRAP = 500.0
_KEYS = (
    "fieldGoalsMade fieldGoalsAttempted threePointersMade threePointersAttempted freeThrowsMade freeThrowsAttempted"
    " reboundsOffensive reboundsDefensive reboundsTotal assists foulsPersonal steals turnovers blocks"
)
_ABSENCES = {"DNP_COACH": "DNP - Coach's Decision", "DNP_INJURY": "DND - Injury/Illness - Left Ankle; Sprain"}
_INACTIVE = {
    "INACTIVE_INJURY": "Injury/Illness - Left Ankle; Sprain, Bone Bruise and a Long Recovery Thereafter",
    "INACTIVE_GLEAGUE_TWOWAY": "G League - Two-Way",
}

Cells = Sequence[tuple[float, str, bool]]
"""A line's texts: distance from the left, text, and whether the text ends there."""


def write_gamebook(scenario: Scenario, day: date, game: ScenarioGame) -> bytes:
    """Return the report of a finished game."""
    story = tell(scenario, game)
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(_WIDTH, _HEIGHT), invariant=1)
    canvas.setFont(_FONT, _SIZE)
    for number, cells in enumerate(_lines(story, day, game)):
        y = _HEIGHT - _TOP - number * _LINE
        for x, text, right in cells:
            (canvas.drawRightString if right else canvas.drawString)(x, y, text)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _lines(story: GameStory, day: date, game: ScenarioGame) -> Iterator[Cells]:
    home, away = story.teams
    yield [(_LEFT, "NATIONAL BASKETBALL ASSOCIATION", False)]
    yield [(_LEFT, "OFFICIAL SCORER'S REPORT FINAL BOX", False)]
    yield [(_LEFT, f"{day:%A, %B} {day.day}, {day.year} {game.arena or home.arena}, {home.city}", False)]
    yield [(_LEFT, "Officials: #11 Arne Holt, #12 Bea Quill, #13 Cy Tanner", False)]
    yield [(_LEFT, "Game Duration: 2:10", False)]
    yield [(_LEFT, "Attendance: 18000 (Sellout)", False)]
    for side, word, name in ((1, "VISITOR", away.full_name), (0, "HOME", home.full_name.upper())):
        yield [(_LEFT, f"{word}: {name} (10-10)", False)]
        yield from _table(story, side)
    yield [(_LEFT, "SCORE BY PERIOD", False)]
    for side in (1, 0):
        scores = [str(story.points(side, period)) for period in range(1, story.periods + 1)]
        yield [(_LEFT, " ".join([story.teams[side].name, *scores, str(story.points(side))]), False)]
    for side in (1, 0):
        for line in simpleSplit(_inactive(story, side), _FONT, _SIZE, _WRAP):
            yield [(_LEFT, line, False)]
    yield [(_LEFT, "Points in the Paint - none counted", False)]


def _table(story: GameStory, side: int) -> Iterator[Cells]:
    yield _row("", "", "POS", "MIN", _STATISTICS_LABELS.split())
    players = story.players[side]
    for player in players:
        if not player.absence:
            line = [*_numbers(story, side, player), str(_margin(story, side, player))]
            points = str(counts(story, side, player)["points"])
            yield _row(
                player.jersey, player.name, player.position[-1:], _time(player.seconds), [*line, points]
            )
        elif player.absence in _ABSENCES:
            yield [
                (_LEFT, player.jersey, False),
                (_NAME_AT, player.name, False),
                (_MIN_AT - 20, _ABSENCES[player.absence], False),
            ]
    seconds = sum(player.seconds for player in players)
    margin = story.points(side) - story.points(1 - side)
    totals = [*_numbers(story, side, None), str(margin), str(story.points(side))]
    yield _row("", "", "", _time(seconds), totals)
    yield [(_LEFT, "45.0% 33.3% 100.0% TM REB: 8 TOT TO: 13 (15 PTS)", False)]


def _row(jersey: str, name: str, position: str, minutes: str, numbers: Sequence[str]) -> Cells:
    cells = [
        (_LEFT, jersey, False),
        (_NAME_AT, name, False),
        (_POS_AT, position, False),
        (_MIN_AT, minutes, True),
    ]
    cells += [(_NUMBERS_AT + place * _NUMBER_WIDTH, text, True) for place, text in enumerate(numbers)]
    return [cell for cell in cells if cell[1]]


def _numbers(story: GameStory, side: int, player: Player | None) -> list[str]:
    own = counts(story, side, player)
    return [str(own[key]) for key in _KEYS.split()]


def _margin(story: GameStory, side: int, player: Player) -> int:
    return story.points(side) - story.points(1 - side) if player.starter else 0


def _inactive(story: GameStory, side: int) -> str:
    listed = [
        f"{player.last} ({_INACTIVE[player.absence]})"
        for player in story.players[side]
        if player.absence in _INACTIVE
    ]
    return f"Inactive: {story.teams[side].name} - {', '.join(listed)}"


def _time(seconds: int) -> str:
    return f"{seconds // 60:02}:{seconds % 60:02}"
