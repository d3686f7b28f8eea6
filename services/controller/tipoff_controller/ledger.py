"""What the controller remembers, as write-once objects below `controller/` in the state bucket.

    controller/ticks/<tick>.json                    the decisions taken at one tick, and their requests
    controller/days/<date>/requests/<id>.json       each request, written before it is published
    controller/days/<date>/executions/<id>/...json  each execution heard of; the name carries the essentials
    controller/days/<date>/schedule.json            the locked schedule

One list call reads a day. First creation wins: what was decided once is published again, never decided again.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime

from pydantic import BaseModel

from tipoff_common.events import ScheduleLocked, ScrapeExecuted, ScrapeRequested, Source, WorkflowDecided
from tipoff_common.outcomes import Failed, FailureKind, Status
from tipoff_common.ports import Objects
from tipoff_controller.history import ExecutionFact, History

_NO_KIND = "-"


class Decided(BaseModel):
    """What one tick, or one manual run, came to."""

    decisions: tuple[WorkflowDecided, ...]
    requests: tuple[ScrapeRequested, ...]


class Ledger:
    """The controller's prefix of the state bucket. Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._state = state

    def decided(self, key: str) -> Decided | None:
        """What was decided at tick (or for manual run) `key`, None when nothing was."""
        body = self._state.get(f"controller/ticks/{key}.json")
        return Decided.model_validate_json(body) if body is not None else None

    def remember_decided(self, key: str, decided: Decided) -> Decided:
        """Writes the decisions down, and returns those that count: the first that were written."""
        if self._state.create(f"controller/ticks/{key}.json", decided.model_dump_json().encode()):
            return decided
        return self.decided(key) or decided

    def remember_requests(self, requests: Iterable[ScrapeRequested]) -> None:
        for request in requests:
            self._state.create(
                self._request(request.game_date, request.request_id), request.model_dump_json().encode()
            )

    def request(self, game_date: date, request_id: str) -> ScrapeRequested | None:
        body = self._state.get(self._request(game_date, request_id))
        return ScrapeRequested.model_validate_json(body) if body is not None else None

    def remember_execution(self, event: ScrapeExecuted) -> None:
        outcome = event.outcome
        kind = outcome.kind.value if isinstance(outcome, Failed) else _NO_KIND
        instant = event.triggered_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        name = f"{event.scraper_name}/{outcome.status.value}/{kind}/{event.source.value}/{instant}.json"
        self._state.create(
            f"{self._day(event.game_date)}/executions/{event.request_id}/{name}",
            event.model_dump_json().encode(),
        )

    def has_execution(self, game_date: date, request_id: str) -> bool:
        return any(self._state.list(f"{self._day(game_date)}/executions/{request_id}/"))

    def history(self, days: Iterable[date]) -> History:
        """What the ledger alone knows of `days`; one list call a day."""
        executions: dict[str, ExecutionFact] = {}
        requested: dict[str, datetime] = {}
        for day in days:
            prefix = f"{self._day(day)}/"
            for info in self._state.list(prefix):
                kind, _, rest = info.name.removeprefix(prefix).partition("/")
                if kind == "requests":
                    requested[rest.removesuffix(".json")] = info.updated
                elif kind == "executions":
                    fact = _fact(rest, day)
                    executions[fact.request_id] = fact
        return History(executions, requested)

    def schedule(self, day: date) -> ScheduleLocked | None:
        body = self._state.get(f"{self._day(day)}/schedule.json")
        return ScheduleLocked.model_validate_json(body) if body is not None else None

    def remember_schedule(self, event: ScheduleLocked) -> ScheduleLocked:
        """The schedule that counts: the first that was locked for its day."""
        if self._state.create(f"{self._day(event.date)}/schedule.json", event.model_dump_json().encode()):
            return event
        return self.schedule(event.date) or event

    @staticmethod
    def _day(day: date) -> str:
        return f"controller/days/{day.isoformat()}"

    def _request(self, game_date: date, request_id: str) -> str:
        return f"{self._day(game_date)}/requests/{request_id}.json"


def _fact(name: str, game_date: date) -> ExecutionFact:
    request_id, scraper, status, kind, source, instant = name.removesuffix(".json").split("/")
    return ExecutionFact(
        request_id=request_id,
        scraper=scraper,
        game_date=game_date,
        status=Status(status),
        kind=None if kind == _NO_KIND else FailureKind(kind),
        source=Source(source),
        triggered_at=datetime.strptime(instant, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC),
    )
