"""In-memory controller behind its routes, for commands that call it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.controller_app import in_memory_controller
from tests.support.seasons import WORKFLOWS
from tipoff_cli.checkout import SCRAPERS
from tipoff_common.binding import Envelope
from tipoff_common.catalog import load_catalog
from tipoff_common.events import ScrapeRequested, WorkflowDecided
from tipoff_common.executions import build_execution
from tipoff_common.outcomes import Outcome
from tipoff_common.publisher import Publisher
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_controller.deps import Deps
from tipoff_controller.discovery_store import DiscoveryStore
from tipoff_controller.follow_ups import note_execution
from tipoff_controller.ledger import Ledger
from tipoff_controller.manual import begin_manual_run
from tipoff_controller.occurrence_store import OccurrenceStore
from tipoff_controller.pause_store import PauseStore
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_planning.loading import load_workflows
from tipoff_planning.workflows import Configuration

URL = "http://controller.test"


SLATE = "2025-01-15"


Run = Callable[..., Any]


EXPECTATION = {
    "date": datetime(2025, 1, 15, tzinfo=UTC).date(),
    "workflow_name": "injury_discovery",
    "occurrence_id": "o1",
    "subject": "-",
    "expected_run_time": datetime(2025, 1, 15, 16, tzinfo=UTC),
    "deadline": datetime(2025, 1, 15, 17, tzinfo=UTC),
    "games_today": 11,
    "priority": "HIGH",
    "expected_reason": "discovery",
    "actual_run_time": datetime(2025, 1, 15, 16, tzinfo=UTC),
    "action": "RUN",
    "reason_code": "due",
    "actual_reason": "Due since 11:00.",
    "executions": 1,
    "found": True,
    "status": "ON_TIME",
    "next_check_time": datetime(2025, 1, 15, 18, tzinfo=UTC),
    "last_decided_at": datetime(2025, 1, 15, 18, tzinfo=UTC),
}


@cache
def _configuration() -> Configuration:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "controller.yaml"
        file.write_text(WORKFLOWS)
        return load_workflows(file, load_catalog(SCRAPERS))


class Controller:
    """An in-memory controller that serves the requests of httpx."""

    def __init__(self) -> None:
        configuration = _configuration()
        self.bus, self.warehouse = RecordingBus(), MemoryWarehouse()
        data, state = MemoryObjects("data"), MemoryObjects("state")
        self.deps = deps = Deps(
            environment="local",
            configuration=configuration,
            calendar=LandedCalendar(data, "nba-com/schedule"),
            ledger=Ledger(state),
            occurrences=OccurrenceStore(state, configuration.subject_parameters),
            discovery=DiscoveryStore(state),
            pauses=PauseStore(state),
            warehouse=self.warehouse,
            publisher=Publisher("controller", self.bus),
        )
        self._receive_manual_runs()
        self.client = in_memory_controller(deps, URL)

    def _receive_manual_runs(self) -> None:
        """Deliver the decisions of manual runs to the controller, as its subscription does."""
        publish = self.bus.publish

        def push(envelopes: Iterable[Envelope]) -> None:
            sent = list(envelopes)
            publish(sent)
            for event in [item.payload for item in sent]:
                if isinstance(event, WorkflowDecided) and event.reason_code == "manual":
                    begin_manual_run(event, self.deps, event.decision_time)

        self.bus.publish = push  # type: ignore[method-assign]

    def answers(self, outcome: Outcome) -> None:
        """Complete each request at once with this outcome."""
        publish = self.bus.publish

        def run(envelopes: Iterable[Envelope]) -> None:
            sent = list(envelopes)
            publish(sent)
            for request in [item.payload for item in sent]:
                if isinstance(request, ScrapeRequested):
                    done = build_execution(
                        request,
                        outcome,
                        environment="local",
                        triggered_at=request.requested_at,
                        completed_at=request.requested_at,
                    )
                    note_execution(done, self.deps, request.requested_at)

        self.bus.publish = run  # type: ignore[method-assign]

    def answer_with(self, *rows: Mapping[str, Any]) -> None:
        """Let the dataset return these rows for every query."""
        self.warehouse.answer = lambda _sql, _parameters: [dict(row) for row in rows]
