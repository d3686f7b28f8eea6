"""Tests of the events about an execution, for every publisher."""

from datetime import timedelta

from tests.support.samples import NOON, PATH, executed, requested
from tipoff_common.binding import Envelope, Message, decode, encode
from tipoff_common.events import ScrapeExecuted, Source
from tipoff_common.executions import build_execution, build_file_landed, build_presumed_failure, fan_out_fault
from tipoff_common.outcomes import Failed, FailureKind, NoData, Success
from tipoff_common.rows import TABLES

SOON = NOON + timedelta(seconds=25)
SUCCESS = Success(record_count=3, gcs_path=PATH)


def real(outcome: Success | NoData | Failed = SUCCESS) -> ScrapeExecuted:
    return build_execution(requested(), outcome, environment="local", triggered_at=NOON, completed_at=SOON)


def presumed(why: str = "no execution within 0:14:00") -> ScrapeExecuted:
    opts = {"game_date": "2025-01-15"}
    return build_presumed_failure(requested(), why, opts=opts, environment="local", at=NOON)


def test_execution_takes_identity_from_request() -> None:
    request, event = requested(), real()
    assert event.execution_id == event.request_id == request.request_id
    assert event.duration_seconds == 25.0
    assert decode(Message(*encode(Envelope(event, event.id, "/x", NOON)))).payload == event


def test_presumed_failure_and_later_execution_are_two_rows() -> None:
    """An execution arrived 25 s after its presumed failure with the same row id, and BigQuery dropped it."""
    (guess,), (fact,) = (TABLES[ScrapeExecuted](event, NOON).ids for event in (presumed(), real()))
    assert guess != fact
    assert presumed().execution_id == real().execution_id


def test_a_presumed_failure_and_a_real_timeout_are_two_rows() -> None:
    timeout = Failed(kind=FailureKind.TIMEOUT, message="no answer within 30 s")
    assert presumed().id != real(timeout).id


def test_republished_execution_keeps_its_event_id() -> None:
    assert real().run_id != real().run_id
    assert real().id == real().id
    assert presumed().id == presumed().id


def test_presumed_failure_is_marked_as_presumed() -> None:
    event = presumed()
    assert event.outcome == Failed(
        kind=FailureKind.TIMEOUT, message="the request expired: no execution within 0:14:00"
    )
    assert event.data_summary == {"presumed": True}
    assert event.opts == {"game_date": "2025-01-15"}


def test_recovered_execution_is_a_distinct_event() -> None:
    assert executed(recovery=True).id != executed().id


def test_recovered_file_event_is_marked_and_distinct() -> None:
    fields = {
        "gcs_path": PATH,
        "scraper_name": "lines",
        "workflow": "w",
        "game_date": NOON.date(),
        "execution_id": "e",
        "record_count": 3,
        "content_sha256": "0" * 64,
        "landed_at": NOON,
        "event_time": None,
    }
    first, recovered = build_file_landed(**fields), build_file_landed(**fields, recovered=True, republish=2)  # type: ignore[arg-type]
    assert (first.recovery, first.source, first.republish) == (False, None, 0)
    assert (recovered.recovery, recovered.source, recovered.republish) == (True, Source.RECOVERY, 2)
    by_hand = build_file_landed(**fields, recovered=True, republish=2, announced_at=NOON)  # type: ignore[arg-type]
    assert (by_hand.recovery, by_hand.source, by_hand.announced_at) == (True, Source.MANUAL, NOON)
    assert len({first.id, recovered.id, by_hand.id}) == 3


def test_fan_out_values_must_fit_an_event() -> None:
    assert fan_out_fault({"game_id": ("0022400561",) * 30}) is None
    assert "bytes" in str(fan_out_fault({"game_id": ("0" * 200,) * 900}))
    assert fan_out_fault({str(number): () for number in range(51)}) is not None
    assert "at most 200 characters" in str(fan_out_fault({"game_id": ("0" * 201,)}))
    assert fan_out_fault({"game_id": ("",)}) is not None
