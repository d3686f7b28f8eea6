"""Pauses: workflows and scrapers that people stop for a while. Pure.

A pause holds back the requests of new occurrences, and retries and next steps of occurrences under way. Published
requests are still executed, and held requests are published when the pause is over.
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
from tipoff_planning.progress import NOTHING_HELD, HeldRequests

LONGEST = timedelta(days=30)
"""Longest pause; to stop a workflow for good, remove it from the configuration, where others see the change."""
DEFAULT = timedelta(hours=12)
"""Length of a pause without an end: one night, so that a forgotten pause does not stop the next day."""
MAX_REASON_CHARACTERS = 500
"""Characters of a reason; each decision that the pause holds back quotes it."""
RETENTION = timedelta(days=7)
"""Retention of a pause after its end: decisions about windows that closed during it continue for days."""


DeclaredTarget = Annotated[PauseTarget, Declared]
"""A target named by a person: an unknown value is a misspelling."""


class PauseRequest(BaseModel):
    """The body of a new pause."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, description="a workflow or a scraper")
    target: DeclaredTarget | None = Field(
        default=None, description="workflow or scraper, for a name that both share"
    )
    until: Instant | None = Field(
        default=None, description="automatic end; 12 hours from now when left out, 30 days at most"
    )
    why: ReasonText = Field(
        max_length=MAX_REASON_CHARACTERS, description="reason, shown with the pause everywhere"
    )


class Pause(Frozen):
    """One paused workflow or scraper, with the beginning and the end of its pause."""

    id: str = Field(description="constant from its beginning to its end")
    target: PauseTarget
    name: str = Field(description="the workflow's name, or the scraper's")
    since: Instant
    until: Instant = Field(description="automatic end")
    by: str = Field(description="the person who paused")
    why: str = Field(description="the reason, in that person's words")
    ended_at: Instant | None = Field(default=None, description="manual end; null without one")

    @property
    def over_at(self) -> datetime:
        """The actual end of the pause."""
        return min(self.until, self.ended_at) if self.ended_at else self.until

    def stands(self, now: datetime) -> bool:
        """Return whether the pause is in force at an instant; its end is exclusive."""
        return self.since <= now < self.over_at


class Pauses(Frozen):
    """The pauses in force, and those that ended recently."""

    items: tuple[Pause, ...] = ()

    def standing(self, now: datetime) -> tuple[Pause, ...]:
        """Return the pauses in force at an instant, sorted by their ends."""
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
        """Return the scrapers that are paused at an instant, each with its pause."""
        found = ((name, self.of(PauseTarget.SCRAPER, name, now)) for name in dict.fromkeys(names))
        return {name: pause for name, pause in found if pause is not None}

    def held_of(self, plan: Plan, now: datetime) -> HeldRequests:
        """Return which requests of a plan are held back at an instant."""
        # A manual run is not held back: its caller may want to check whether the reason for the pause is gone.
        return NOTHING_HELD if plan.source is Source.MANUAL else self.held(plan.workflow, now)

    def held(self, workflow: str, now: datetime) -> HeldRequests:
        """Return which requests of a workflow's occurrences are held back at an instant."""
        scrapers = {it.name for it in self.items if it.target is PauseTarget.SCRAPER and it.stands(now)}
        return HeldRequests(
            everything=self.of_workflow(workflow, now) is not None, scrapers=frozenset(scrapers)
        )

    def holding_pause(
        self, workflow: str, scrapers: Iterable[str], start: datetime, end: datetime
    ) -> Pause | None:
        """Return the pause that held back an occurrence from `start` to `end`: the workflow's, or that of one scraper
        if all of them were paused."""
        # Any overlap counts, not only a pause of the whole time.
        overlapping = [it for it in self.items if it.since < end and it.over_at > start]
        candidates = [it for it in overlapping if it.target is PauseTarget.WORKFLOW and it.name == workflow]
        by_scraper = {it.name: it for it in overlapping if it.target is PauseTarget.SCRAPER}
        names = list(scrapers)
        # With one scraper unpaused, the occurrence was requested, and a pause does not explain its failure.
        if not candidates and names and all(name in by_scraper for name in names):
            candidates = [by_scraper[names[0]]]
        return candidates[0] if candidates else None


NO_PAUSES = Pauses()
"""No pauses, current or recent."""


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
    """Pause a workflow or scraper; a paused one gets a new pause with the new end and reason.

    A repetition with the same end, person and reason changes nothing.

    Returns:
        the new pauses, the pause in force, and the events to publish.
    """
    before = pauses.of(target, name, now)
    # A form submitted twice, or a call repeated after a lost response.
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
        # The earlier pause ends at the same instant, so that no request is published between the two.
        items = [it if it.id != before.id else it.model_copy(update={"ended_at": now}) for it in items]
        events.insert(0, _changed(before, PauseState.RESUMED, now, by, environment))
    return Pauses(items=(*items, pause)), pause, tuple(events)


def end_pause(
    pauses: Pauses, pause: Pause, *, by: str, now: datetime, environment: str
) -> tuple[Pauses, tuple[PauseChanged, ...]]:
    """End a pause in force; return the new pauses and the events to publish."""
    items = tuple(it if it.id != pause.id else it.model_copy(update={"ended_at": now}) for it in pauses.items)
    return Pauses(items=items), (_changed(pause, PauseState.RESUMED, now, by, environment),)


def expire(
    pauses: Pauses, *, now: datetime, since: datetime | None, environment: str
) -> tuple[Pauses, tuple[PauseChanged, ...]]:
    """Drop pauses that ended longer than RETENTION ago; return the others, and an event for each expired after `since`.

    since: the instant up to which expired pauses have their events already; None if none has.
    """
    expired = [
        it
        for it in pauses.items
        # The end of a manually ended pause was published then; an end before `since` by an earlier tick.
        if it.ended_at is None and it.until <= now and (since is None or it.until > since)
    ]
    retained = tuple(it for it in pauses.items if now - it.over_at < RETENTION)
    events = tuple(_changed(it, PauseState.EXPIRED, it.until, it.by, environment) for it in expired)
    return Pauses(items=retained), events


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
