"""Tests of the outcome union: combinations that strings would allow are invalid."""

import pytest
from pydantic import TypeAdapter, ValidationError

from tipoff_common.outcomes import Failed, FailureKind, NoData, Outcome, Status, Success

OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)


@pytest.mark.parametrize("count", [0, -1])
def test_a_success_without_records_cannot_be(count: int) -> None:
    """A success with 0 records blocked the real data for three months (incident 8)."""
    with pytest.raises(ValidationError, match="greater than 0"):
        Success(record_count=count, gcs_path="gs://data/x")


def test_a_success_says_where_it_wrote() -> None:
    with pytest.raises(ValidationError, match="gcs_path"):
        Success(record_count=1)  # type: ignore[call-arg]


def test_a_failure_without_its_message_cannot_be() -> None:
    """An error row had no error (incident 28)."""
    with pytest.raises(ValidationError, match="message"):
        Failed(kind=FailureKind.TIMEOUT, message="")


def test_a_failure_without_its_kind_cannot_be() -> None:
    """The kind separates blocked, moved and timed out (incidents 5 and 6)."""
    with pytest.raises(ValidationError, match="kind"):
        OUTCOME.validate_python({"status": "failed", "message": "it broke"})


def test_an_absence_without_its_reason_cannot_be() -> None:
    with pytest.raises(ValidationError, match="reason"):
        NoData(reason="")


def test_an_absence_cannot_carry_an_error() -> None:
    """Exhausted retries were logged as no data (incident 6)."""
    with pytest.raises(ValidationError, match="kind"):
        OUTCOME.validate_python({"status": "no_data", "reason": "gave up", "kind": "timeout"})


def test_there_is_no_fourth_status() -> None:
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
def test_each_outcome_is_read_as_what_it_was(outcome: Success | NoData | Failed) -> None:
    assert OUTCOME.validate_json(outcome.model_dump_json()) == outcome


def test_an_outcome_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        NoData(reason="not out yet").reason = "found"  # type: ignore[misc]


def test_only_transient_kinds_are_asked_for_again_at_once() -> None:
    """Immediate retries against a source that refuses, moved or is out of quota spend the budget (incident 3)."""
    assert {kind for kind in FailureKind if kind.retried_at_once} == {
        FailureKind.TIMEOUT,
        FailureKind.HTTP,
        FailureKind.INTERNAL,
    }


def test_the_statuses_are_three() -> None:
    assert set(Status) == {"success", "no_data", "failed"}
