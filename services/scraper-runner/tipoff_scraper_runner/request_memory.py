"""What the runner remembers, as write-once objects below `runner/` in the state bucket.

    runner/fetched/<game date>/<request>.json    the payload that was fetched for a request
    runner/outcomes/<game date>/<request>.json   what came of the request
    runner/landed/<path hash>                    the execution that announces a file

The first creation wins, so a request that is delivered twice is fetched once and has one outcome, and a file is
announced by one execution only.
"""

from pydantic import BaseModel

from tipoff_common.events import FileLanded, ScrapeExecuted, ScrapeRequested
from tipoff_common.identity import content_hash
from tipoff_common.ports import Objects
from tipoff_scraper_runner.execution import Execution, Fetched


class _Stored(BaseModel):
    executed: ScrapeExecuted
    landed: FileLanded | None


class RequestMemory:
    """The runner's prefix of the state bucket. Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._state = state

    def recall(self, request: ScrapeRequested) -> Execution | None:
        """The outcome of the request, None when it has none yet."""
        body = self._state.get(_name("outcomes", request))
        if body is None:
            return None
        stored = _Stored.model_validate_json(body)
        return Execution(stored.executed, stored.landed)

    def remember(self, request: ScrapeRequested, execution: Execution) -> Execution:
        """Writes the outcome down before anything is published of it, and returns the one that counts."""
        stored = _Stored(executed=execution.executed, landed=execution.landed)
        if self._state.create(_name("outcomes", request), stored.model_dump_json().encode()):
            return execution
        first = self.recall(request)
        return first or execution

    def fetched(self, request: ScrapeRequested) -> Fetched | None:
        """What was fetched for the request by a delivery that may not have lived to tell its outcome."""
        body = self._state.get(_name("fetched", request))
        return Fetched.model_validate_json(body) if body is not None else None

    def remember_fetched(self, request: ScrapeRequested, fetched: Fetched) -> None:
        self._state.create(_name("fetched", request), fetched.model_dump_json().encode())

    def announces(self, landed: FileLanded) -> bool:
        """Whether `landed` is the announcement of its file: true for the first execution that brought this
        content, each time it is asked, and false for any other."""
        name = f"runner/landed/{content_hash(landed.gcs_path.encode())}"
        if self._state.create(name, landed.execution_id.encode()):
            return True
        return self._state.get(name) == landed.execution_id.encode()


def _name(kind: str, request: ScrapeRequested) -> str:
    return f"runner/{kind}/{request.game_date.isoformat()}/{request.request_id}.json"
