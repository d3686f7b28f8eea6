"""Client that requests manual runs from the controller over HTTP."""

from urllib.parse import quote

from tipoff_cli.commands.backfill.plan import BackfillRun
from tipoff_cli.commands.backfill.submission import NotNow, NotThis
from tipoff_cli.connection import Connection
from tipoff_cli.edits import unread_workflow
from tipoff_cli.service_client import NOT_FOUND, NotAnswered, ask, read_answer
from tipoff_planning.drafts import DecisionBatch
from tipoff_planning.manual_runs import RunProgress
from tipoff_planning.pauses import Pause

_REFUSED, _TOO_OFTEN, _SERVER_FAULT = 422, 429, 500


class ControllerRuns:
    """The controller's manual runs. Methods raise NotConnected, and NotAnswered when the controller takes no run."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self, run: BackfillRun) -> None:
        """Request the run from the controller. Raises NotThis and NotNow."""
        self._post(run, dry_run=False)

    def rehearse(self, run: BackfillRun) -> DecisionBatch:
        """Return the decisions of a dry run, which requests nothing. Raises NotThis and NotNow."""
        return read_answer(DecisionBatch, self._post(run, dry_run=True), self._connection)

    def look(self, run: BackfillRun) -> RunProgress | None:
        """Return the progress of the run; None when it was never requested."""
        path = f"/workflows/{quote(run.workflow, safe='')}/runs/{quote(run.key, safe='')}"
        try:
            return read_answer(RunProgress, ask(self._connection, "GET", path), self._connection)
        except NotAnswered as error:
            if error.status == NOT_FOUND:
                return None
            raise sorted_out(error) from error

    def pauses(self) -> tuple[Pause, ...]:
        """Return the pauses in force."""
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
            if error.status == NOT_FOUND:
                raise NotAnswered(f"{error}{unread_workflow(run.workflow)}", NOT_FOUND) from error
            raise sorted_out(error) from error


def sorted_out(error: NotAnswered) -> Exception:
    """Return NotThis for a refusal of this run, NotNow for a temporary failure, else the error unchanged."""
    if error.status is None or error.status == _TOO_OFTEN or error.status >= _SERVER_FAULT:
        return NotNow(str(error))
    return NotThis(str(error)) if error.status == _REFUSED else error
