"""The action that publishes a dead letter to its topic again."""

from fastapi import APIRouter, HTTPException, Request, Response

from tipoff_common.clock import readable
from tipoff_dataset.dead_letters import (
    EVER,
    PayloadMissing,
    Replay,
    messages,
    plan_replays,
    read_dead_letters,
)
from tipoff_monitor.console.actions.forms import FormResult, confirmation_page, done
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.gate import Form
from tipoff_monitor.console.page_templates import url


def routes(router: APIRouter, deps: ConsoleDeps) -> None:
    """Add the routes of dead letters."""

    @router.get("/actions/replay", tags=["console"])
    def confirm_replay(request: Request) -> Response:
        """Ask for confirmation before a dead letter is published again."""
        plan = _replays(deps, request.query_params.get("id", ""))
        # A refused letter cannot be published at all. A letter that this version would refuse again can: the receiving
        # service may be fixed and deployed already.
        refused = [item.refused for item in plan if item.refused]
        dies = [item.dies_again for item in plan if item.dies_again]
        letter = plan[0].letter
        return confirmation_page(
            request,
            deps,
            "replay",
            "Replay a dead letter",
            "Publish it again",
            "/dead-letters",
            (
                f"{letter.event_type or 'A message'} of {readable(letter.rejected_at)}:"
                f" {letter.reason}. {letter.detail or ''}",
                "The message keeps its ids, so finished work is not repeated.",
            ),
            warnings=(
                *(f"The message cannot be published: {text}" for text in refused),
                *(f"Services of this version reject it again: {text}" for text in dies),
            ),
            hidden={"id": letter.event_id},
            possible=not refused,
        )

    @router.post("/actions/replay", tags=["console"])
    def do_replay(request: Request, form: Form) -> Response:
        """Publish a dead letter to its topic again."""
        plan = _replays(deps, form.get("id", ""))
        if refused := [item.refused for item in plan if item.refused]:
            raise HTTPException(409, f"the message cannot be published: {refused[0]}")
        try:
            deps.publish_messages(messages(plan, deps.bucket_of))
        except PayloadMissing as error:
            raise HTTPException(409, str(error)) from error
        results: list[FormResult] = [
            (f"Published to {item.topic}", str(url("/run", id=item.letter.event_id))) for item in plan
        ]
        return done(request, deps, "Replayed a dead letter", "/dead-letters", results)


def _replays(deps: ConsoleDeps, identifier: str) -> list[Replay]:
    # From the dataset and not from the newest rows: a letter to replay may be weeks old.
    letters = read_dead_letters(deps.monitor.warehouse, deps.environment, EVER, ids=[identifier])
    if not letters:
        raise HTTPException(404, "There is no such dead letter.")
    return plan_replays(letters, deps.topics, deps.bucket_of)
