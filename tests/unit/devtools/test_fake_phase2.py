"""Tests of the fake Phase 2: outcome of each message, one load per file."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import NOON, landed
from tipoff_common.events import FileLanded, FileProcessed
from tipoff_common.identity import content_hash
from tipoff_common.ports import Parameter, Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.receipts import Receipts
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_dev.fakes.phase2.behaviour import FAULTLESS, Behaviour, Fate, fate
from tipoff_dev.fakes.phase2.consumer import Consumer, Phase2State
from tipoff_dev.fakes.phase2.loading import Loader, NotLoadable
from tipoff_dev.stack import background
from tipoff_dev.stack.processes import StackError

BODY = json.dumps({"records": [{"n": 1}, {"n": 2}, {"n": 3}]}).encode()
NAME = f"injuries/{content_hash(BODY)[:16]}.json"
FILES = [landed(gcs_path=f"gs://data/{number}.json") for number in range(400)]


def announced(**changes: Any) -> FileLanded:
    return landed(
        **{
            "gcs_path": f"gs://data/{NAME}",
            "scraper_name": "injuries",
            "record_count": 3,
            "content_sha256": content_hash(BODY),
            "landed_at": NOON,
            **changes,
        }
    )


@dataclass
class House:
    """A consumer with its bucket, warehouse and bus."""

    event_time: bool = True
    behaviour: Behaviour = FAULTLESS
    data: MemoryObjects = field(default_factory=lambda: MemoryObjects("data", bodies={NAME: BODY}))
    bus: RecordingBus = field(default_factory=RecordingBus)

    def __post_init__(self) -> None:
        def answer(sql: str, _parameters: Any) -> list[dict[str, Any]]:
            return [dict(row) for row in self.rows] if "SELECT record_index" in sql else []

        self.warehouse = MemoryWarehouse(answer=answer)
        receipts = Receipts(Publisher("p", self.bus), processor="p", environment="local")
        self.state = Phase2State(self.behaviour)
        self.consumer = Consumer(self.state, Loader(self.data, self.warehouse), receipts, self.event_time)

    @property
    def rows(self) -> list[Any]:
        return list(self.warehouse.tables.get("injuries", []))

    @property
    def receipts(self) -> list[FileProcessed]:
        return self.bus.of(FileProcessed)


class TestFate:
    @given(st.integers(), st.floats(0, 1), st.floats(0, 1))
    def test_larger_share_hits_every_file_of_a_smaller_share(
        self, seed: int, one: float, other: float
    ) -> None:
        few, many = sorted((one, other))
        for file in FILES[:20]:
            if fate(file, Behaviour(seed=seed, drop=few)) is Fate.DROP:
                assert fate(file, Behaviour(seed=seed, drop=many)) is Fate.DROP

    def test_fates_follow_shares_and_seed(self) -> None:
        fates = [fate(file, Behaviour(drop=0.25, delay=0.25, fail=0.25, seed=7)) for file in FILES]
        assert {each: 80 <= fates.count(each) <= 120 for each in Fate} == dict.fromkeys(Fate, True)
        assert fates == [fate(file, Behaviour(drop=0.25, delay=0.25, fail=0.25, seed=7)) for file in FILES]
        assert fates != [fate(file, Behaviour(drop=0.25, delay=0.25, fail=0.25, seed=8)) for file in FILES]

    def test_republish_draws_a_new_fate(self) -> None:
        again = [file.model_copy(update={"republish": 1}) for file in FILES]
        assert [fate(file, Behaviour(drop=0.5)) for file in FILES] != [
            fate(file, Behaviour(drop=0.5)) for file in again
        ]

    def test_shares_of_zero_and_one_are_exact_and_limited_by_the_pattern(self) -> None:
        assert {fate(file, Behaviour(fail=1)) for file in FILES} == {Fate.FAIL}
        assert {fate(file, FAULTLESS) for file in FILES} == {Fate.PROCESS}
        hit = [file for file in FILES if fate(file, Behaviour(drop=1, paths="*/7.json")) is Fate.DROP]
        assert [file.gcs_path for file in hit] == ["gs://data/7.json"]

    def test_shares_over_one_in_total_are_refused(self) -> None:
        with pytest.raises(ValueError, match="over 1"):
            Behaviour(drop=0.6, fail=0.6)


class TestLoading:
    def test_a_file_is_loaded_once_and_acknowledged_each_time(self) -> None:
        """Redelivery multiplied the rows (incident 16)."""
        house = House()
        for _ in range(3):
            house.consumer.receive(announced(), NOON)
        assert [row["record_index"] for row in house.rows] == [0, 1, 2]
        assert [receipt.row_count for receipt in house.receipts] == [3, 3, 3]
        assert len({receipt.id for receipt in house.receipts}) == 1

    def test_next_load_adds_missing_rows(self) -> None:
        house = House()
        house.warehouse.tables["injuries"] = [{"record_index": 1}]
        house.consumer.receive(announced(), NOON)
        assert sorted(row["record_index"] for row in house.rows) == [0, 1, 2]

    def test_file_with_unpublished_receipt_fails_and_is_not_loaded_twice(self) -> None:
        house = House(bus=RecordingBus(capacity=0))
        with pytest.raises(Unavailable):
            house.consumer.receive(announced(), NOON)
        house.bus.capacity = None
        house.consumer.receive(announced(), NOON)
        assert len(house.rows) == 3

    @pytest.mark.parametrize(
        "changes",
        [
            {"gcs_path": f"gs://other/{NAME}"},
            {"gcs_path": f"gs://data/../data/{NAME}"},
            {"gcs_path": f"gs://data//{NAME}"},
            {"gcs_path": f"gs://data/./{NAME}"},
            {"gcs_path": "gs://data/a b.json"},
            {"gcs_path": "gs://data/gone.json"},
            {"content_sha256": "0" * 64},
            {"record_count": 4},
            {"scraper_name": "a`; DROP TABLE b"},
            {"scraper_name": ""},
        ],
        ids=str,
    )
    def test_invalid_announcement_is_not_loaded(self, changes: dict[str, Parameter]) -> None:
        house = House()
        with pytest.raises(NotLoadable):
            house.consumer.receive(announced(**changes), NOON)
        assert (house.warehouse.tables, house.receipts) == ({}, [])


class TestConsumer:
    later = NOON + timedelta(days=300)

    def test_receipt_uses_event_time_when_enabled(self) -> None:
        house, again = House(), NOON + timedelta(hours=7)
        house.consumer.receive(announced(), self.later)
        house.consumer.receive(announced(republish=1, event_time=again), self.later)
        assert [receipt.processed_at for receipt in house.receipts] == [NOON, again]

    def test_receipt_uses_the_clock_without_event_time(self) -> None:
        house = House(event_time=False)
        house.consumer.receive(announced(), self.later)
        assert [receipt.processed_at for receipt in house.receipts] == [self.later]

    def test_delayed_file_is_acknowledged_and_held_until_due(self) -> None:
        house = House(behaviour=Behaviour(delay=1, delay_seconds=3600))
        house.consumer.receive(announced(), self.later)
        due = NOON + timedelta(hours=1)
        assert house.consumer.release(due - timedelta(seconds=1), self.later) == 0
        assert house.receipts == []
        assert house.consumer.release(due, self.later) == 1
        assert [receipt.processed_at for receipt in house.receipts] == [due]
        assert house.consumer.release(None, self.later) == 0

    def test_file_that_failed_to_release_is_still_held(self) -> None:
        house = House(behaviour=Behaviour(delay=1))
        house.consumer.receive(announced(), NOON)
        house.data.down = True
        with pytest.raises(Unavailable):
            house.consumer.release(None, NOON)
        house.data.down = False
        assert house.consumer.release(None, NOON) == 1

    def test_dropped_file_is_only_acknowledged(self) -> None:
        house = House(behaviour=Behaviour(drop=1))
        house.consumer.receive(announced(), NOON)
        assert (house.rows, house.receipts, dict(house.state.counts)) == ([], [], {"dropped": 1})

    @pytest.mark.parametrize(("times", "failures"), [(1, 1), (2, 2), (None, 4)])
    def test_message_fails_as_often_as_configured(self, times: int | None, failures: int) -> None:
        house = House(behaviour=Behaviour(fail=1, fail_times=times))
        for _ in range(4):
            try:
                house.consumer.receive(announced(), NOON)
            except Unavailable:
                assert house.receipts == []
        assert house.state.counts["failed"] == failures
        assert len(house.receipts) == 4 - failures


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ('{"dropp": 1}', "dropp: Extra inputs"),
        ('{"fail": 7}', "fail: Input should be less"),
        ("drop", "the whole"),
    ],
)
def test_invalid_behaviour_is_refused_with_an_example(
    setting: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIPOFF_PHASE2", setting)
    with pytest.raises(StackError, match=message) as error:
        background._phase2_wanted()
    assert 'write JSON such as {"drop": 0.1, "delay": 0.2}, of down, drop' in str(error.value)
