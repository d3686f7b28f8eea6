"""`nbac_play_by_play`: fetches a game's actions and reads them."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from pydantic import AwareDatetime, Field, JsonValue

from scrapers.game_days import game_date_of
from scrapers.game_laws import Standing, contradiction
from scrapers.nbacom.box_score import GameParameters, stated_game
from scrapers.nbacom.cdn import game_document
from scrapers.nbacom.durations import seconds
from scrapers.teams import team
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.drift import drift_summary, find_drift, names
from tipoff_scraper_runner.parsing.json_document import Node, json_object
from tipoff_scraper_runner.parsing.odd_items import keep_first, read_items
from tipoff_scraper_runner.parsing.source_records import Blank, CamelRecord, read_record
from tipoff_scraper_runner.scraper import Http, Parsed, Payload

# Every action has these keys; the others depend on its type.
_REQUIRED = names(
    "actionNumber clock timeActual period periodType actionType personId scoreHome scoreAway orderNumber isFieldGoal"
)
_OPTIONAL = names(
    "qualifiers x y possession edited xLegacy yLegacy side personIdsFilter description teamId teamTricode subType"
    " playerName playerNameI shotResult shotDistance descriptor shotActionNumber pointsTotal reboundTotal"
    " reboundDefensiveTotal reboundOffensiveTotal"
)
# Only present where they apply: a block, an assist, a jump ball.
_RARE = names(
    "officialId assistPlayerNameInitial assistPersonId assistTotal foulPersonalTotal foulTechnicalTotal"
    " foulDrawnPlayerName foulDrawnPersonId turnoverTotal stealPlayerName stealPersonId blockPlayerName blockPersonId"
    " jumpBallRecoveredName jumpBallWonPlayerName jumpBallWonPersonId jumpBallLostPlayerName jumpBallLostPersonId"
    " jumpBallRecoverdPersonId area areaDetail value deleted"
)
_LAST = "game"


Parameters = GameParameters


class ActionRecord(CamelRecord):
    """One action of a game."""

    game_id: str
    order_number: int = Field(description="orders the actions")
    action_number: int = Field(description="other actions refer to it by this number")
    period: int
    period_type: str
    clock_seconds: float = Field(description="left in the period")
    time_actual: AwareDatetime = Field(description="aware UTC")
    action_type: str
    sub_type: Blank = None
    descriptor: Blank = None
    qualifiers: tuple[str, ...] = ()
    team: str | None = Field(
        default=None, alias="teamTricode", description="tricode; null for the game's own actions"
    )
    person_id: int | None = Field(
        default=None, description="null for an action without a player, such as the team's"
    )
    player_name: Blank = Field(default=None, alias="playerNameI")
    description: Blank = None
    is_field_goal: bool
    shot_result: Blank = Field(default=None, description='"Made" or "Missed"')
    shot_distance: float | None = None
    shot_action_number: int | None = None
    x: float | None = Field(default=None, description="0 to 100 of the court's length")
    y: float | None = Field(default=None, description="0 to 100 of the court's width")
    side: Blank = None
    points_total: int | None = None
    assist_person_id: int | None = None
    block_person_id: int | None = None
    steal_person_id: int | None = None
    foul_drawn_person_id: int | None = None
    official_id: int | None = None
    score_home: int = Field(description="after the action")
    score_away: int = Field(description="after the action")


def fetch(parameters: Parameters, http: Http) -> Payload:
    """Fetch the game's actions so far.

    Raises:
        NotPublished, Blocked, SourceChanged: see `cdn`.
    """
    return game_document(f"playbyplay/playbyplay_{parameters.game_id}.json", http)


def stated(payload: bytes) -> dict[str, str]:
    """Return the parameters that the document states. Raises as `stated_game` does."""
    return stated_game(payload, "the play-by-play")


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """Read one record per action, in the source's order, once the game has ended.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, another game, or most actions are odd.
    """
    game = json_object(payload, "the play-by-play").child("game")
    if game.text("gameId") != parameters.game_id:
        raise SourceChanged(
            f"requested game {parameters.game_id}, but the document is of game {game.text('gameId')}"
        )
    actions = read_items("actions", game.children("actions"), lambda one: _record(one, parameters.game_id))
    # The league corrects actions during the game, and may list both versions of one.
    kept, differing = keep_first(actions.kept, lambda record: record.action_number, "action")
    # By the league's order number: the list has later additions at its end.
    records = sorted(kept, key=lambda record: record.order_number)
    set_aside = (*actions.set_aside, *differing)
    contradictions = _contradictions(records)
    # A document without the game's end is incomplete, with any number of actions.
    if waiting := _not_over(records, parameters.game_id) or "; ".join(contradictions):
        return Parsed(
            records=(),
            summary={"actions_so_far": len(records)},
            empty_reason=waiting,
            about=_day(records),
            set_aside=set_aside,
            contradictions=contradictions,
        )
    drift = find_drift("action", actions.sources, required=_REQUIRED, optional=_OPTIONAL, rare=_RARE)
    return Parsed(
        records=records,
        summary={**_summary(records), "drift": drift_summary(drift)},
        about=_day(records),
        set_aside=set_aside,
    )


def _record(action: Node, game_id: str) -> ActionRecord:
    action.require(_REQUIRED)
    spelled = action.optional_text("teamTricode")
    return read_record(
        ActionRecord,
        action,
        game_id=game_id,
        teamTricode=team(spelled).tricode if spelled else None,
        clock_seconds=seconds(action.text("clock")),
        # 0 means no player: a team rebound, the start of a period.
        personId=action.integer("personId") or None,
    )


def _day(records: Sequence[ActionRecord]) -> date | None:
    """Return the game date, from the actions' instants; the document states no date."""
    if not records:
        return None
    # The median is robust against a single wrong instant, and no game is long enough to move it to the next day.
    instants = sorted(record.time_actual for record in records)
    return game_date_of(instants[len(instants) // 2])


def _contradictions(records: Sequence[ActionRecord]) -> list[str]:
    """List the contradictions of a game whose last action ends it."""
    if not records or records[-1].action_type != _LAST:
        return []
    last = records[-1]
    standing = Standing(f"game {last.game_id}", "final", last.period, last.score_away, last.score_home)
    found = contradiction(standing)
    return [found] if found else []


def _not_over(records: Sequence[ActionRecord], game_id: str) -> str:
    # The document exists from the tip-off on, at first without actions.
    if not records:
        return f"the play-by-play of game {game_id} has no actions yet"
    # Only this action ends a game: the clock is at zero at the end of every period.
    last = records[-1]
    if last.action_type == _LAST:
        return ""
    where = f"period {last.period}, {last.clock_seconds:.0f} s left"
    return f"game {game_id} is not over: its last action is {last.action_type!r} ({where})"


def _summary(records: Sequence[ActionRecord]) -> dict[str, JsonValue]:
    last = records[-1]
    # Only reported: the league corrects a score by a separate action.
    broken: list[JsonValue] = [
        f"the score falls at action {after.action_number}"
        for before, after in pairwise(records)
        if after.score_home < before.score_home or after.score_away < before.score_away
    ]
    broken += [
        f"the score is negative at action {record.action_number}"
        for record in records
        if min(record.score_home, record.score_away) < 0
    ]
    return {
        "game_id": last.game_id,
        "final_score": {"home": last.score_home, "away": last.score_away},
        "periods": last.period,
        "actions_by_type": dict(sorted(Counter(record.action_type for record in records).items())),
        "first_action": records[0].time_actual.isoformat(),
        "last_action": last.time_actual.isoformat(),
        "broken_laws": broken,
    }
