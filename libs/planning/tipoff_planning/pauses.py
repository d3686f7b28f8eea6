"""Pauses: workflows and scrapers that people stop for a while. Pure.

A pause keeps new occurrences from being requested, and retries and next steps of those that were requested from going
out. What is under way is finished, and what was held goes out when the pause is over.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tipoff_common.bounds import ReasonText
from tipoff_common.clock import Instant
from tipoff_common.events import PauseChanged, PauseState, PauseTarget, Source
from tipoff_common.identity import event_id
from tipoff_common.open_enum import Declared
from tipoff_planning.frozen import Frozen
from tipoff_planning.plans import Plan
from tipoff_planning.progress import NOTHING_HELD, Held

LONGEST = timedelta(days=30)
"""A pause is for a while; what shall not run any more is taken out of the configuration, where others see it."""
DEFAULT = timedelta(hours=12)
"""Without an end a pause lasts the night, so that the next day is decided again whoever forgot it."""
WHY_LENGTH = 500
"""Characters of a reason; it stands in each decision that the pause holds back."""
KEPT = timedelta(days=7)
"""How long a pause that is over is remembered: decisions about windows that closed during it go on for days."""


DeclaredTarget = Annotated[PauseTarget, Declared]
"""A target that a person names: an unknown one is misspelt."""


class PauseRequest(BaseModel):
    """The body of a new pause."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, description="a workflow or a scraper")
    target: DeclaredTarget | None = Field(
        default=None, description="which of the two, for a name that a workflow and a scraper share"
    )
    until: Instant | None = Field(
        default=None, description="when it ends by itself; 12 hours from now when left out, 30 days at most"
    )
    why: ReasonText = Field(max_length=WHY_LENGTH, description="shown wherever somebody asks")


class Pause(Frozen):
    """One workflow or scraper, from when until when nothing new of it is requested."""

    id: str = Field(description="the same from its beginning to its end")
    target: PauseTarget
    name: str = Field(description="the workflow's name, or the scraper's")
    since: Instant
    until: Instant = Field(description="when it ends by itself")
    by: str = Field(description="who paused")
    why: str = Field(description="in that person's words")
    ended_at: Instant | None = Field(default=None, description="when somebody ended it; null without that")

    @property
    def over_at(self) -> datetime:
        """The instant from which it stands no more."""
        return min(self.until, self.ended_at) if self.ended_at else self.until

    def stands(self, now: datetime) -> bool:
        """Tell whether it holds at an instant; at its very end it does not."""
        return self.since <= now < self.over_at


class Pauses(Frozen):
    """The pauses that stand, and those that were over lately."""

    items: tuple[Pause, ...] = ()

    def standing(self, now: datetime) -> tuple[Pause, ...]:
        """Return the pauses that hold at an instant, the first to end first."""
        return tuple(
            sorted((it for it in self.items if it.stands(now)), key=lambda it: (it.until, it.target, it.name))
        )

    def of(self, target: PauseTarget, name: str, now: datetime) -> Pause | None:
        """Return the pause of a workflow or scraper at an instant."""
        return next(
            (it for it in self.items if (it.target, it.name) == (target, name) and it.stands(now)), None
        )

    def of_workflow(self, name: str, now: datetime) -> Pause | None:
        """Return the pause of a workflow at an instant."""
        return self.of(PauseTarget.WORKFLOW, name, now)

    def of_scrapers(self, names: Iterable[str], now: datetime) -> dict[str, Pause]:
        """Return those of the scrapers that are paused at an instant, each with its pause."""
        found = ((name, self.of(PauseTarget.SCRAPER, name, now)) for name in dict.fromkeys(names))
        return {name: pause for name, pause in found if pause is not None}

    def held_of(self, plan: Plan, now: datetime) -> Held:
        """Return which requests of a plan are held back at an instant."""
        # Whoever asks for a manual run knows of the pause, and may want to see whether what it waits for is mended.
        return NOTHING_HELD if plan.source is Source.MANUAL else self.held(plan.workflow, now)

    def held(self, workflow: str, now: datetime) -> Held:
        """Return which requests of a workflow's occurrences are held back at an instant."""
        scrapers = {it.name for it in self.items if it.target is PauseTarget.SCRAPER and it.stands(now)}
        return Held(everything=self.of_workflow(workflow, now) is not None, scrapers=frozenset(scrapers))

    def kept_back(
        self, workflow: str, scrapers: Iterable[str], start: datetime, end: datetime
    ) -> Pause | None:
        """Return the pause that kept an occurrence from `start` to `end` back: the workflow's, or one of all its
        scrapers."""
        # Any overlap counts: it need not have lasted all the time.
        own = [it for it in self.items if it.since < end and it.over_at > start]
        whole = [it for it in own if it.target is PauseTarget.WORKFLOW and it.name == workflow]
        by_scraper = {it.name: it for it in own if it.target is PauseTarget.SCRAPER}
        names = list(scrapers)
        # With one scraper still allowed, something was asked for, and its failure is not the pause's.
        if not whole and names and all(name in by_scraper for name in names):
            whole = [by_scraper[names[0]]]
        return whole[0] if whole else None


NO_PAUSES = Pauses()
"""Nothing is paused, and nothing was lately."""


def begin_pause(
    pauses: Pauses,
    target: PauseTarget,
    name: str,
    *,
    until: datetime,
    by: str,
    why: str,
    now: datetime,
    environment: str,
) -> tuple[Pauses, Pause, tuple[PauseChanged, ...]]:
    """Pause a workflow or scraper; one that is paused already gets the new end and reason.

    Asking twice for the same by the same person is asking once.

    Returns:
        the pauses after that, the pause that stands, and what is to be published of it.
    """
    before = pauses.of(target, name, now)
    # A form that is sent twice, or a call that is repeated after a lost answer.
    if before is not None and (before.until, before.by, before.why) == (until, by, why):
        return pauses, before, ()
    pause = Pause(
        id=event_id("pause", environment, target, name, now.isoformat(), until.isoformat(), by),
        target=target,
        name=name,
        since=now,
        until=until,
        by=by,
        why=why,
    )
    events = [_changed(pause, PauseState.PAUSED, now, by, environment)]
    items = list(pauses.items)
    if before is not None:
        # The earlier one ends at the same instant, so that nothing is requested between the two.
        items = [it if it.id != before.id else it.model_copy(update={"ended_at": now}) for it in items]
        events.insert(0, _changed(before, PauseState.RESUMED, now, by, environment))
    return Pauses(items=(*items, pause)), pause, tuple(events)


def end_pause(
    pauses: Pauses, pause: Pause, *, by: str, now: datetime, environment: str
) -> tuple[Pauses, tuple[PauseChanged, ...]]:
    """End a pause that stands; returns the pauses after that and what is to be published of it."""
    items = tuple(it if it.id != pause.id else it.model_copy(update={"ended_at": now}) for it in pauses.items)
    return Pauses(items=items), (_changed(pause, PauseState.RESUMED, now, by, environment),)


def expire(
    pauses: Pauses, *, now: datetime, since: datetime | None, environment: str
) -> tuple[Pauses, tuple[PauseChanged, ...]]:
    """Find the pauses whose time was over between `since` and `now`, and forget those that are over for long.

    since: the instant up to which this was done before; None when it never was.
    """
    over = [
        it
        for it in pauses.items
        # One that a person ended was published then; one before `since` was published by an earlier tick.
        if it.ended_at is None and it.until <= now and (since is None or it.until > since)
    ]
    kept = tuple(it for it in pauses.items if now - it.over_at < KEPT)
    events = tuple(_changed(it, PauseState.EXPIRED, it.until, it.by, environment) for it in over)
    return Pauses(items=kept), events


def _changed(pause: Pause, state: PauseState, at: datetime, by: str, environment: str) -> PauseChanged:
    return PauseChanged(
        pause_id=pause.id,
        target=pause.target,
        name=pause.name,
        state=state,
        changed_at=at,
        since=pause.since,
        until=pause.until,
        by=by,
        why=pause.why,
        environment=environment,
    )
