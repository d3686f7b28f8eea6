"""What cleanup remembers, as write-once objects below `cleanup/` in the state bucket.

cleanup/runs/<tick>.json             the result of each run, published again when its tick is redelivered
cleanup/republished/<path hash>/<n>  a marker for the n-th republish of a file, written before it is published
"""

from tipoff_common.events import CleanupCompleted
from tipoff_common.identity import content_hash
from tipoff_common.ports import Objects


class Memory:
    """Cleanup's prefix of the state bucket. Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._state = state

    def run(self, key: str) -> CleanupCompleted | None:
        body = self._state.get(f"cleanup/runs/{key}.json")
        return CleanupCompleted.model_validate_json(body) if body is not None else None

    def remember_run(self, key: str, event: CleanupCompleted) -> CleanupCompleted:
        """The run that counts: the first that was written."""
        if self._state.create(f"cleanup/runs/{key}.json", event.model_dump_json().encode()):
            return event
        return self.run(key) or event

    def republishes(self, gcs_path: str) -> int:
        """How often the file was announced again."""
        return sum(1 for _ in self._state.list(self._folder(gcs_path)))

    def mark_republish(self, gcs_path: str, number: int) -> None:
        self._state.create(f"{self._folder(gcs_path)}{number:04d}", gcs_path.encode())

    @staticmethod
    def _folder(gcs_path: str) -> str:
        return f"cleanup/republished/{content_hash(gcs_path.encode())}/"
