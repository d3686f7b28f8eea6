"""Writer of a state bucket in the previous version's layout: one object per plan, request and execution."""

from collections.abc import Iterable
from datetime import UTC, date
from urllib.parse import quote

from tipoff_common.events import ScrapeExecuted, ScrapeRequested
from tipoff_common.outcomes import Failed
from tipoff_common.ports import Objects
from tipoff_planning.history import completeness_of, subject_of
from tipoff_planning.plans import Plan


def write_plan(state: Objects, plan: Plan) -> None:
    body = plan.model_dump_json(exclude={"deadline"}).replace('"max_in_flight"', '"wave"')
    state.create(f"{_folder(plan.game_date, plan.occurrence_id)}plan.json", body.encode())


def write_requests(state: Objects, requests: Iterable[ScrapeRequested]) -> None:
    for request in requests:
        folder = _folder(request.game_date, request.occurrence_id or "-")
        state.create(f"{folder}requests/{request.request_id}.json", request.model_dump_json().encode())


def write_executions(state: Objects, executions: Iterable[ScrapeExecuted], names: tuple[str, ...]) -> None:
    for event in executions:
        outcome, result = event.outcome, completeness_of(event)
        essentials = [
            event.scraper_name,
            subject_of(event.parameters, names),
            outcome.status.value,
            outcome.kind.value if isinstance(outcome, Failed) else "-",
            event.source.value,
            event.triggered_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"),
        ]
        if result is not None:
            expected = "-" if result.expected is None else str(result.expected)
            essentials.append("\n".join((expected, *result.missing)))
        name = "/".join(quote(part, safe="") for part in essentials)
        folder = _folder(event.game_date, event.occurrence_id or "-")
        state.create(f"{folder}executions/{event.request_id}/{name}.json", event.model_dump_json().encode())


def write_skip(state: Objects, plan: Plan, step: str) -> None:
    state.create(f"{_folder(plan.game_date, plan.occurrence_id)}skips/{step}", b"")


def write_open_run(state: Objects, asked: date, plan: Plan) -> None:
    state.create(
        f"controller/runs/{asked.isoformat()}/{plan.occurrence_id}/{plan.game_date.isoformat()}", b""
    )


def _folder(day: date, occurrence: str) -> str:
    return f"controller/days/{day.isoformat()}/occurrences/{occurrence}/"
