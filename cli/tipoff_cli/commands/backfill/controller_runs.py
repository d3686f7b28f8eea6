"""Asks the controller for manual runs over HTTP."""

from urllib.parse import quote

from tipoff_cli.commands.backfill.plan import BackfillRun
from tipoff_cli.commands.backfill.submission import NotNow, NotThis
from tipoff_cli.connection import Connection
from tipoff_cli.service_client import NotAnswered, ask, read_answer
from tipoff_planning.drafts import DecisionBatch
from tipoff_planning.manual_runs import RunProgress
from tipoff_planning.pauses import Pause

_REFUSED, _ABSENT, _TOO_OFTEN, _SERVER_FAULT = 422, 404, 429, 500


class ControllerRuns:
    """Raises NotConnected, and NotAnswered when the controller takes no run of ours."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self, run: BackfillRun) -> None:
        """Ask the controller for the run. Raises NotThis and NotNow."""
        self._post(run, dry_run=False)

    def rehearse(self, run: BackfillRun) -> DecisionBatch:
        """Return what the controller would make of the run; nothing is requested. Raises NotThis and NotNow."""
        return read_answer(DecisionBatch, self._post(run, dry_run=True), self._connection)

    def look(self, run: BackfillRun) -> RunProgress | None:
        """Return how far the run has come; None when it was never asked for."""
        path = f"/workflows/{quote(run.workflow, safe='')}/runs/{quote(run.key, safe='')}"
        try:
            return read_answer(RunProgress, ask(self._connection, "GET", path), self._connection)
        except NotAnswered as error:
            if error.status == _ABSENT:
                return None
            raise sorted_out(error) from error

    def pauses(self) -> tuple[Pause, ...]:
        """Return what is paused."""
        return read_answer(tuple[Pause, ...], ask(self._connection, "GET", "/pauses"), self._connection)

    def _post(self, run: BackfillRun, *, dry_run: bool) -> bytes:
        try:
            return ask(
                self._connection,
                "POST",
                f"/workflows/{quote(run.workflow, safe='')}/runs",
                query={"dry_run": str(dry_run).lower()},
                headers={"Idempotency-Key": run.key},
                json=run.body.model_dump(mode="json"),
            )
        except NotAnswered as error:
            raise sorted_out(error) from error


def sorted_out(error: NotAnswered) -> Exception:
    """Tell refusals of this run from refusals for now; return the error as it is when it is neither."""
    if error.status is None or error.status == _TOO_OFTEN or error.status >= _SERVER_FAULT:
        return NotNow(str(error))
    return NotThis(str(error)) if error.status == _REFUSED else error
