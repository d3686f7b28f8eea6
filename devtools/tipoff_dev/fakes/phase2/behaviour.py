"""Effects of the fake on a message: a pure function, with the same result for the same message."""

from enum import StrEnum
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tipoff_common.events import FileLanded
from tipoff_common.identity import content_hash


class Fate(StrEnum):
    """Effect of the fake on a message."""

    PROCESS = "process"
    DROP = "drop"  # acknowledged, and nothing done
    DELAY = "delay"  # acknowledged, and processed later
    FAIL = "fail"  # refused, to be delivered again


class Behaviour(BaseModel):
    """Faults of the fake of Phase 2, and the messages that they hit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    down: bool = Field(default=False, description="every message is refused")
    drop: float = Field(
        default=0,
        ge=0,
        le=1,
        description="share of the messages that are acknowledged and ignored; with `delay` and `fail` at most 1",
    )
    delay: float = Field(default=0, ge=0, le=1, description="share of the messages that are processed late")
    fail: float = Field(default=0, ge=0, le=1, description="share of the messages that fail")
    delay_seconds: float = Field(
        default=3600, gt=0, le=14 * 24 * 3600, description="how late, in event time when a day is replayed"
    )
    fail_times: int | None = Field(
        default=1, ge=1, description="deliveries of a message that fail before one succeeds; null for all"
    )
    seed: int = Field(default=0, description="which messages the shares hit")
    paths: str = Field(
        default="*",
        description="a pattern over gs:// paths, `*` matching slashes too; other files are processed",
    )

    @model_validator(mode="after")
    def _shares_of_one_whole(self) -> "Behaviour":
        if self.drop + self.delay + self.fail > 1:
            raise ValueError("drop + delay + fail is over 1; they are shares of the same messages")
        return self


FAULTLESS = Behaviour()


def fate(landed: FileLanded, behaviour: Behaviour) -> Fate:
    """Return the effect on a message; each republish of a file is another message and is drawn separately."""
    if not fnmatchcase(landed.gcs_path, behaviour.paths):
        return Fate.PROCESS
    draw = _draw(behaviour.seed, landed)
    for share, effect in (
        (behaviour.drop, Fate.DROP),
        (behaviour.delay, Fate.DELAY),
        (behaviour.fail, Fate.FAIL),
    ):
        if draw < share:
            return effect
        draw -= share
    return Fate.PROCESS


def _draw(seed: int, landed: FileLanded) -> float:
    """Return a number from [0, 1), evenly distributed over the messages."""
    drawn = content_hash(f"{seed} {landed.republish} {landed.gcs_path}".encode())
    return int(drawn[:12], 16) / 16**12
