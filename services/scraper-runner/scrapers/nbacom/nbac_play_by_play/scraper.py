"""`nbac_play_by_play`: fetches a game's actions and reads them."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from pydantic import AwareDatetime, Field, JsonValue

from scrapers.drift import drift_summary, find_drift, names
from scrapers.json_document import Node, json_object
from scrapers.nbacom.box_score import GameParameters
from scrapers.nbacom.cdn import game_document
from scrapers.nbacom.durations import seconds
from scrapers.source_records import Blank, CamelRecord, read_record
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Http, Parsed, Payload

_REQUIRED = names(
    "actionNumber clock timeActual period periodType actionType personId scoreHome scoreAway orderNumber isFieldGoal"
)
_OPTIONAL = names(
    "qualifiers x y possession edited xLegacy yLegacy side personIdsFilter description teamId teamTricode subType"
    " playerName playerNameI shotResult shotDistance descriptor shotActionNumber pointsTotal reboundTotal"
    " reboundDefensiveTotal reboundOffensiveTotal"
)
_RARE = names(
    "officialId assistPlayerNameInitial assistPersonId assistTotal foulPersonalTotal foulTechnicalTotal"
    " foulDrawnPlayerName foulDrawnPersonId turnoverTotal stealPlayerName stealPersonId blockPlayerName blockPersonId"
    " jumpBallRecoveredName jumpBallWonPlayerName jumpBallWonPersonId jumpBallLostPlayerName jumpBallLostPersonId"
    " jumpBallRecoverdPersonId area areaDetail value deleted"
)
_LAST = "game"


class Parameters(GameParameters):
    """See `GameParameters`."""


class ActionRecord(CamelRecord):
    """One action. order_number: the order. action_number: its name, by which other actions refer to it.
    clock_seconds: left in the period. time_actual: aware UTC. team: null for the game's own actions. person_id: null
    when it is nobody's or the team's. x, y: on the court, 0 to 100 of its length and width. shot_result: "Made" or
    "Missed". score_home, score_away: after the action."""

    game_id: str
    order_number: int
    action_number: int
    period: int
    period_type: str
    clock_seconds: float
    time_actual: AwareDatetime
    action_type: str
    sub_type: Blank = None
    descriptor: Blank = None
    qualifiers: tuple[str, ...] = ()
    team: Blank = Field(default=None, alias="teamTricode")
    person_id: int | None = None
    player_name: Blank = Field(default=None, alias="playerNameI")
    description: Blank = None
    is_field_goal: bool
    shot_result: Blank = None
    shot_distance: float | None = None
    shot_action_number: int | None = None
    x: float | None = None
    y: float | None = None
    side: Blank = None
    points_total: int | None = None
    assist_person_id: int | None = None
    block_person_id: int | None = None
    steal_person_id: int | None = None
    foul_drawn_person_id: int | None = None
    official_id: int | None = None
    score_home: int
    score_away: int


def fetch(parameters: Parameters, http: Http) -> Payload:
    """The game's actions so far.

    Raises:
        NotPublished, Blocked, SourceChanged: see `cdn`.
    """
    return game_document(f"playbyplay/playbyplay_{parameters.game_id}.json", http)


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """One record an action, in the source's order, once the game has ended.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, another game, or an action that stands twice.
    """
    game = json_object(payload, "the play-by-play").child("game")
    if game.text("gameId") != parameters.game_id:
        raise SourceChanged(f"asked for game {parameters.game_id}, the document is of {game.text('gameId')}")
    actions = list(game.children("actions"))
    drift = find_drift("action", actions, required=_REQUIRED, optional=_OPTIONAL, rare=_RARE)
    records = sorted(
        (_record(action, parameters.game_id) for action in actions), key=lambda one: one.order_number
    )
    if len({record.action_number for record in records}) < len(records):
        raise SourceChanged(f"{game.path}.actions: an action stands twice")
    if waiting := _not_over(records, parameters.game_id):
        return Parsed(records=(), summary={"actions_so_far": len(records)}, empty_reason=waiting)
    return Parsed(records=records, summary={**_summary(records), "drift": drift_summary(drift)})


def _record(action: Node, game_id: str) -> ActionRecord:
    return read_record(
        ActionRecord,
        action,
        game_id=game_id,
        clock_seconds=seconds(action.text("clock")),
        personId=action.number("personId") or None,
    )


def _not_over(records: Sequence[ActionRecord], game_id: str) -> str:
    if not records:
        return f"the play-by-play of game {game_id} has no actions yet"
    last = records[-1]
    if last.action_type == _LAST:
        return ""
    where = f"period {last.period}, {last.clock_seconds:.0f} s left"
    return f"game {game_id} is not over: its last action is {last.action_type!r} ({where})"


def _summary(records: Sequence[ActionRecord]) -> dict[str, JsonValue]:
    last = records[-1]
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
