"""Manual pauses of a workflow or a scraper, and their end."""

from datetime import datetime, timedelta

from tipoff_common.clock import readable
from tipoff_common.events import PauseTarget
from tipoff_common.words import unknown_name
from tipoff_controller.deps import Deps
from tipoff_controller.pause_store import PauseMemory
from tipoff_planning.pauses import DEFAULT, LONGEST, Pause, PauseRequest, begin_pause, end_pause


class UnknownName(Exception):
    """An unknown name, or a name without a pause to end; the message lists similar names or the current pauses."""


class UnusablePause(Exception):
    """An invalid or ambiguous request to begin or end a pause; the message names the field and the remedy."""


def pause(request: PauseRequest, deps: Deps, *, by: str, now: datetime) -> Pause:
    """Pause a workflow or a scraper: write the pause and publish it. Idempotent for requests with the same `until`.

    Raises:
        UnknownName
        UnusablePause
        Unavailable: the pause may be written and unpublished; then the next evaluation publishes it.
    """
    target = _target(request.name, request.target, deps)
    until = request.until or now + DEFAULT
    if until <= now:
        raise UnusablePause(f"until: {readable(until)} has passed; give a future instant")
    # Bounded, because a workflow under a forgotten pause silently never runs.
    if until - now > LONGEST:
        raise UnusablePause(
            f"until: {readable(until)} is more than {LONGEST // timedelta(days=1)} days away; end the pause"
            f" by {readable(now + LONGEST)}, or remove the workflow or scraper from the configuration"
        )
    # `change` runs again when another process wrote in between; the result of its last run is the written one.
    written: list[Pause] = []

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
        written[:] = [standing]
        return memory.model_copy(update={"pauses": pauses, "outbox": (*memory.outbox, *events)})

    deps.pauses.publish(deps.pauses.update(change, now), deps.publisher, now)
    return written[0]


def resume(name: str, target: PauseTarget | None, deps: Deps, *, by: str, now: datetime) -> Pause:
    """End a pause: write the change and publish it; return the ended pause.

    Raises:
        UnknownName: neither a workflow nor a scraper of that name is paused.
        UnusablePause: a workflow and a scraper of that name are paused, and `target` is None.
        Unavailable
    """
    ended: list[Pause] = []

    def change(memory: PauseMemory) -> PauseMemory:
        standing = memory.pauses.standing(now)
        found = [it for it in standing if it.name == name and target in (None, it.target)]
        # Raised inside the swap, so that the response reflects the stored pauses and not an older read.
        if not found:
            known = ", ".join(f"{it.name} ({it.target.value})" for it in standing) or "none"
            raise UnknownName(f"'{name}' is not paused; pauses: {known}")
        # Refused rather than guessed: the wrong one of the two may still be under repair.
        if len(found) > 1:
            raise UnusablePause(
                f"target: a workflow and a scraper {name} are paused; choose the pause to end:"
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
        raise UnknownName(unknown_name("workflow or scraper", name, (*workflows, *scrapers)))
    # Refused rather than guessed: pausing the wrong one of the two stops a fetch by mistake.
    if len(found) > 1:
        raise UnusablePause(
            f"target: {name} is a workflow and a scraper; choose one: --target workflow or --target scraper"
        )
    return found[0]
