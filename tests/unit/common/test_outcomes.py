"""Tests of the outcome union: combinations that strings would allow are invalid."""

import pytest
from pydantic import TypeAdapter, ValidationError

from tipoff_common.outcomes import Failed, FailureKind, NoData, Outcome, Status, Success

OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)


@pytest.mark.parametrize("count", [0, -1])
def test_success_without_records_is_invalid(count: int) -> None:
    """A success with 0 records blocked the real data for three months (incident 8)."""
    with pytest.raises(ValidationError, match="greater than 0"):
        Success(record_count=count, gcs_path="gs://data/x")


def test_success_requires_gcs_path() -> None:
    with pytest.raises(ValidationError, match="gcs_path"):
        Success(record_count=1)  # type: ignore[call-arg]


def test_failure_without_message_is_invalid() -> None:
    """An error row had no error (incident 28)."""
    with pytest.raises(ValidationError, match="message"):
        Failed(kind=FailureKind.TIMEOUT, message="")


def test_failure_without_kind_is_invalid() -> None:
    """The kind separates blocked, moved and timed out (incidents 5 and 6)."""
    with pytest.raises(ValidationError, match="kind"):
        OUTCOME.validate_python({"status": "failed", "message": "it broke"})


def test_no_data_without_reason_is_invalid() -> None:
    with pytest.raises(ValidationError, match="reason"):
        NoData(reason="")


def test_no_data_with_failure_kind_is_invalid() -> None:
    """Exhausted retries were logged as no data (incident 6)."""
    with pytest.raises(ValidationError, match="kind"):
        OUTCOME.validate_python({"status": "no_data", "reason": "gave up", "kind": "timeout"})


def test_unknown_status_is_invalid() -> None:
    with pytest.raises(ValidationError, match="status"):
        OUTCOME.validate_python({"status": "partial", "record_count": 1})


@pytest.mark.parametrize(
    "outcome",
    [
        Success(record_count=1, gcs_path=None),
        NoData(reason="not out yet"),
        *(Failed(kind=kind, message="it broke") for kind in FailureKind),
    ],
    ids=lambda outcome: f"{outcome.status}-{getattr(outcome, 'kind', '')}",
)
def test_outcome_round_trips_through_json(outcome: Success | NoData | Failed) -> None:
    assert OUTCOME.validate_json(outcome.model_dump_json()) == outcome


def test_outcome_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        NoData(reason="not out yet").reason = "found"  # type: ignore[misc]


def test_only_transient_kinds_are_retried_at_once() -> None:
    """Immediate retries against a source that refuses, moved or is out of quota spend the budget (incident 3)."""
    assert {kind for kind in FailureKind if kind.retried_at_once} == {
        FailureKind.TIMEOUT,
        FailureKind.HTTP,
        FailureKind.INTERNAL,
    }


def test_the_statuses_are_three() -> None:
    assert set(Status) == {"success", "no_data", "failed"}
