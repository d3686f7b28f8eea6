"""A stage that fails keeps what it did so far: its failure becomes one line of the run's row."""

import logging

from tipoff_common.ports import Unavailable

log = logging.getLogger(__name__)


def describe_failure(error: Exception) -> str:
    """Return the row's line for an error; log the traceback of one that nobody foresaw."""
    if isinstance(error, Unavailable):
        return str(error)
    log.error("cleanup raised an unforeseen error", exc_info=error)
    return f"{type(error).__name__}: {error}"
