"""Tests of Phase 2's side of the contract."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from tests.support.samples import NOON, landed
from tipoff_common.events import FileProcessed
from tipoff_common.ports import Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.receipts import Receipts
from tipoff_common.testing import RecordingBus

FILE = landed()


def receipts(bus: RecordingBus, processor: str = "injuries") -> Receipts:
    return Receipts(Publisher(processor, bus), processor=processor, environment="prod")


def test_receipt_has_file_processor_and_time() -> None:
    bus = RecordingBus()
    result = receipts(bus).processed(FILE, row_count=30, processed_at=NOON)
    assert bus.events == [result]
    assert result == FileProcessed(
        gcs_path=FILE.gcs_path, processor="injuries", processed_at=NOON, row_count=30, environment="prod"
    )
    assert bus.published[0].source == "/tipoff/injuries"


def test_repeated_receipt_keeps_its_id() -> None:
    bus = RecordingBus()
    receipts(bus).processed(FILE, processed_at=NOON)
    receipts(bus).processed(FILE.gcs_path, row_count=1)
    receipts(bus, "another").processed(FILE)
    first, second, other = (envelope.id for envelope in bus.published)
    assert first == second != other


def test_receipt_time_defaults_to_now() -> None:
    before = datetime.now(UTC)
    assert before <= receipts(RecordingBus()).processed(FILE).processed_at <= datetime.now(UTC)


@pytest.mark.parametrize("path", ["", "data/a.json", "gs://data", "gs:///a.json"])
def test_receipt_with_invalid_path_is_refused_and_not_sent(path: str) -> None:
    bus = RecordingBus()
    with pytest.raises(ValidationError, match="gcs_path"):
        receipts(bus).processed(path)
    assert bus.events == []


def test_unpublished_receipt_raises_unavailable() -> None:
    with pytest.raises(Unavailable):
        receipts(RecordingBus(capacity=0)).processed(FILE)
