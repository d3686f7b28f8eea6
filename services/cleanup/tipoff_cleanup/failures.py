"""Descriptions of failures: a failed stage keeps its results so far, and its error becomes a line of the run's row."""

import logging

from tipoff_common.ports import Unavailable

log = logging.getLogger(__name__)


def describe_failure(error: Exception) -> str:
    """Log an error, with the traceback of an unforeseen one, and return the row's line for it."""
    if isinstance(error, Unavailable):
        log.error("cleanup could not continue", extra={"detail": str(error)})
        return str(error)
    log.error("cleanup raised an unexpected error", exc_info=error)
    return f"{type(error).__name__}: {error}"
