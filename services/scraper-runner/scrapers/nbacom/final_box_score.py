"""The box score of a finished game: records once its content is complete, NoData before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from scrapers.nbacom.box_score import BoxScore, GameParameters, read_box_score
from scrapers.nbacom.box_score_laws import broken_laws, contradictions
from tipoff_scraper_runner.scraper import Parsed, Record

Summary = Mapping[str, JsonValue]


@dataclass(frozen=True)
class BoxReading:
    """The records that one scraper reads from a box score."""

    records: Sequence[Record]
    summary: Summary
    set_aside: Sequence[str] = ()


def parse_final(payload: bytes, parameters: GameParameters, read: Callable[[BoxScore], BoxReading]) -> Parsed:
    """Read the box score with `read` once the game is over and its content is complete.

    An incomplete final box score is NoData: the search for the game continues, and the reason lists the gaps.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, or another game.
    """
    box = read_box_score(payload, parameters.game_id)
    # Checked before the records are read: an incomplete game has none.
    found = contradictions(box)
    # Contradictions are reported before the end too, such as a scheduled game with a score.
    if box.not_final:
        return Parsed(
            records=(),
            summary={"status": box.status},
            empty_reason=box.not_final,
            about=box.game_date,
            contradictions=found,
        )
    if found:
        return Parsed(
            records=(),
            summary=_summary(box),
            empty_reason=f"game {box.game_id} is final, but its box score is incomplete: {'; '.join(found)}",
            about=box.game_date,
            contradictions=found,
        )
    # `read` may rely on a game that is over and complete.
    reading = read(box)
    return Parsed(
        records=reading.records,
        summary={**_summary(box), **reading.summary},
        about=box.game_date,
        set_aside=reading.set_aside,
    )


def _summary(box: BoxScore) -> dict[str, JsonValue]:
    return {
        "game_id": box.game_id,
        "score": {side.team.tricode: side.node.count("score") for side in box.sides},
        "periods": box.periods,
        "broken_laws": [*broken_laws(box)],
    }
