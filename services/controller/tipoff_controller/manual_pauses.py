"""People pause a workflow or a scraper for a while, and let it go on."""

from datetime import datetime, timedelta

from tipoff_common.clock import readable
from tipoff_common.events import PauseTarget
from tipoff_common.words import unknown_name
from tipoff_controller.deps import Deps
from tipoff_controller.pause_store import PauseMemory
from tipoff_planning.pauses import DEFAULT, LONGEST, Pause, PauseRequest, begin_pause, end_pause


class UnknownName(Exception):
    """There is nothing of that name to pause, or nothing of it is paused; the message says what there is."""


class UnusablePause(Exception):
    """A request that makes no pause, or ends none; the message names the field and the remedy."""


def pause(request: PauseRequest, deps: Deps, *, by: str, now: datetime) -> Pause:
    """Pause what is named, write that down and publish it; asking again for the same is asking once.

    Raises:
        UnknownName
        UnusablePause
        Unavailable: it may be written down and not be published; the next evaluation publishes it.
    """
    target = _target(request.name, request.target, deps)
    until = request.until or now + DEFAULT
    if until <= now:
        raise UnusablePause(f"until: {readable(until)} has passed; name an instant to come")
    # A pause that nobody remembers is a workflow that silently never runs; its end has to be in sight.
    if until - now > LONGEST:
        raise UnusablePause(
            f"until: {readable(until)} is more than {LONGEST // timedelta(days=1)} days away, which is the most; end it"
            f" by {readable(now + LONGEST)}, or take out of the configuration what shall not run for longer"
        )
    # `change` runs again when another writer came in between; the last run is the one that was written.
    made: list[Pause] = []

    def change(memory: PauseMemory) -> PauseMemory:
        pauses, standing, events = begin_pause(
            memory.pauses,
            target,
            request.name,
            until=until,
            by=by,
            why=request.why,
            now=now,
            environment=deps.environment,
        )
        made[:] = [standing]
        return memory.model_copy(update={"pauses": pauses, "outbox": (*memory.outbox, *events)})

    deps.pauses.publish(deps.pauses.update(change, now), deps.publisher, now)
    return made[0]


def resume(name: str, target: PauseTarget | None, deps: Deps, *, by: str, now: datetime) -> Pause:
    """End a pause, write that down and publish it; returns the pause that ended.

    Raises:
        UnknownName: nothing of that name is paused.
        UnusablePause: a workflow and a scraper of that name are, and no target says which of the two goes on.
        Unavailable
    """
    ended: list[Pause] = []

    def change(memory: PauseMemory) -> PauseMemory:
        standing = memory.pauses.standing(now)
        found = [it for it in standing if it.name == name and target in (None, it.target)]
        # Raised inside the swap, so that the answer is true of what is written and not of an older read.
        if not found:
            known = ", ".join(f"{it.name} ({it.target.value})" for it in standing) or "nothing"
            raise UnknownName(f"'{name}' is not paused; paused is {known}")
        # Refused rather than guessed: what goes on may be what somebody still repairs.
        if len(found) > 1:
            raise UnusablePause(
                f"target: a workflow and a scraper {name} are paused; say which of the two goes on:"
                " --target workflow or --target scraper"
            )
        pauses, events = end_pause(memory.pauses, found[0], by=by, now=now, environment=deps.environment)
        ended[:] = [found[0]]
        return memory.model_copy(update={"pauses": pauses, "outbox": (*memory.outbox, *events)})

    deps.pauses.publish(deps.pauses.update(change, now), deps.publisher, now)
    return ended[0]


def _target(name: str, target: PauseTarget | None, deps: Deps) -> PauseTarget:
    workflows, scrapers = deps.configuration.workflows, deps.configuration.catalog
    known = {PauseTarget.WORKFLOW: name in workflows, PauseTarget.SCRAPER: name in scrapers}
    found = [kind for kind, there in known.items() if there and target in (None, kind)]
    if not found:
        other = next((kind for kind, there in known.items() if there), None)
        if target is not None and other is not None:
            raise UnknownName(f"no {target} '{name}'; it is a {other}: leave target out, or make it {other}")
        raise UnknownName(unknown_name("workflow or scraper", name, dict.fromkeys((*workflows, *scrapers))))
    # Refused rather than guessed: to pause the wrong one of the two stops a fetch that nobody meant to stop.
    if len(found) > 1:
        raise UnusablePause(
            f"target: {name} is a workflow and a scraper; say which of the two: --target workflow or --target scraper"
        )
    return found[0]
