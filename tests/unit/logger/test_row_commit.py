"""Tests of the group commit: shared appends, time and content of each answer, refusals."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tipoff_common.ports import BatchRefused, Overloaded, Row, RowsRefused, Unavailable
from tipoff_logger.row_commit import Bounds, RowCommit

ROOMY = Bounds(
    batch_rows=500,
    batch_bytes=1_000_000,
    batch_seconds=1.0,
    queue_rows=10_000,
    queue_bytes=10_000_000,
    queue_seconds=15.0,
)


@dataclass
class Warehouse:
    """A warehouse that appends once its gate is open and records each append."""

    poison: frozenset[str] = frozenset()
    """Ids of rows that it refuses individually."""
    as_a_whole: bool = False
    """True to refuse the whole batch instead, without a reason."""
    down: int | None = None
    """Number of appends after which it is unavailable."""
    appends: list[tuple[str, list[str]]] = field(default_factory=list)
    """(table, row ids) of each append."""
    durable: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def append(self, table: str, rows: Sequence[Row], row_ids: Sequence[str]) -> None:
        assert [row["id"] for row in rows] == list(row_ids)
        self.appends.append((table, list(row_ids)))
        await self.gate.wait()
        if self.down is not None and len(self.appends) > self.down:
            raise Unavailable("gone")
        bad = {place: "bad" for place, row_id in enumerate(row_ids) if row_id in self.poison}
        if bad and self.as_a_whole:
            raise BatchRefused("bad, somewhere")
        self.durable += [row_id for place, row_id in enumerate(row_ids) if place not in bad]
        if bad:
            raise RowsRefused(table, bad)

    @property
    def batches(self) -> list[list[str]]:
        return [row_ids for _, row_ids in self.appends]


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


Answer = None | Exception


@dataclass
class Bench:
    """Submissions and their answers, in order of arrival."""

    warehouse: Warehouse
    bounds: Bounds = ROOMY
    clock: Clock = field(default_factory=Clock)
    answers: dict[str, Answer] = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.commit = RowCommit(self.warehouse.append, self.bounds, self.clock)

    async def submit(self, *row_ids: str, table: str = "t", size: int = 10) -> None:
        """Submit rows and return when the submission waits or is answered."""
        self.tasks.append(asyncio.create_task(self._submit(row_ids, table, size)))
        await settle()

    async def finish(self) -> dict[str, Answer]:
        self.warehouse.gate.set()
        await asyncio.gather(*self.tasks)
        return self.answers

    async def _submit(self, row_ids: tuple[str, ...], table: str, size: int) -> None:
        try:
            await self.commit.submit(table, [{"id": row_id} for row_id in row_ids], row_ids, size)
            answer: Answer = None
            assert set(row_ids) <= set(self.warehouse.durable), "answered before it was durable"
        except (RowsRefused, Unavailable) as error:
            answer = error
        assert row_ids[0] not in self.answers, "answered twice"
        self.answers[row_ids[0]] = answer


async def settle() -> None:
    """Let every ready task run; each needs only a few turns of the loop."""
    for _ in range(20):
        await asyncio.sleep(0)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def call() -> None:
        asyncio.run(test())

    call.__name__, call.__doc__ = test.__name__, test.__doc__
    return call


@run
async def test_single_row_is_appended_at_once() -> None:
    bench = Bench(Warehouse())
    await bench.submit("a")
    assert bench.warehouse.batches == [["a"]]
    assert await bench.finish() == {"a": None}


@run
async def test_rows_submitted_during_an_append_share_the_next() -> None:
    bench = Bench(Warehouse())
    for name in "abcd":
        await bench.submit(name)
    assert bench.warehouse.batches == [["a"]]
    await bench.finish()
    assert bench.warehouse.batches == [["a"], ["b", "c", "d"]]


@run
async def test_rows_submitted_in_consecutive_turns_share_an_append() -> None:
    bench = Bench(Warehouse())
    for name in "abcd":
        bench.tasks.append(asyncio.create_task(bench._submit((name,), "t", 10)))
        await asyncio.sleep(0)
    await bench.finish()
    assert bench.warehouse.batches == [["a", "b", "c", "d"]]


@run
async def test_batch_closes_while_rows_keep_arriving() -> None:
    """Rows arrive with every turn while time passes."""
    bench = Bench(Warehouse())
    bench.warehouse.gate.set()
    for number in range(50):
        bench.tasks.append(asyncio.create_task(bench._submit((str(number),), "t", 10)))
        bench.clock.now += 0.1
        await asyncio.sleep(0)
    await bench.finish()
    assert max(len(batch) for batch in bench.warehouse.batches) <= 15


@run
async def test_submission_is_not_answered_before_the_append_returns() -> None:
    bench = Bench(Warehouse())
    await bench.submit("a")
    await bench.submit("b")
    assert bench.answers == {}
    assert list(await bench.finish()) == ["a", "b"]


@run
async def test_a_table_does_not_wait_for_another() -> None:
    bench = Bench(Warehouse())
    await bench.submit("a", table="slow")
    await bench.submit("b", table="other")
    assert bench.warehouse.appends == [("slow", ["a"]), ("other", ["b"])]
    await bench.finish()


@run
async def test_commit_resumes_after_an_idle_period() -> None:
    bench = Bench(Warehouse())
    await bench.submit("a")
    await bench.finish()
    await bench.submit("b")
    assert await bench.finish() == {"a": None, "b": None}


@run
async def test_only_the_poisoned_row_of_500_is_refused() -> None:
    bench = Bench(Warehouse(poison=frozenset({"row-250"})))
    await bench.submit("first")
    for number in range(500):
        bench.tasks.append(asyncio.create_task(bench._submit((f"row-{number}",), "t", 10)))
    answers = await bench.finish()
    assert [name for name, answer in answers.items() if isinstance(answer, RowsRefused)] == ["row-250"]
    assert sum(answer is None for answer in answers.values()) == 500
    assert [len(batch) for batch in bench.warehouse.batches] == [1, 500]


@run
async def test_a_batch_refused_as_a_whole_is_halved_down_to_its_poison() -> None:
    bench = Bench(Warehouse(poison=frozenset({"row-250"}), as_a_whole=True))
    await bench.submit("first")
    for number in range(500):
        bench.tasks.append(asyncio.create_task(bench._submit((f"row-{number}",), "t", 10)))
    answers = await bench.finish()
    assert [name for name, answer in answers.items() if isinstance(answer, RowsRefused)] == ["row-250"]
    assert len(bench.warehouse.durable) == len(set(bench.warehouse.durable)) == 500
    assert len(bench.warehouse.batches) <= 2 + 2 * 9  # two halves at each of nine halvings of 500


@run
async def test_valid_row_of_a_refused_pair_is_appended() -> None:
    bench = Bench(Warehouse(poison=frozenset({"b"}), as_a_whole=True))
    for name in ("first", "a", "b"):
        await bench.submit(name)
    answers = await bench.finish()
    assert [name for name, answer in answers.items() if answer is not None] == ["b"]
    assert bench.warehouse.durable == ["first", "a"]


@run
async def test_submission_split_into_two_batches_is_answered_once() -> None:
    bench = Bench(Warehouse(poison=frozenset({"c"})), replace(ROOMY, batch_rows=2))
    await bench.submit("a", "b", "c")
    answer = (await bench.finish())["a"]
    assert bench.warehouse.batches == [["a", "b"], ["c"]]
    assert isinstance(answer, RowsRefused)
    assert answer.errors == {2: "bad"}


@run
async def test_outage_fails_the_batch_and_the_next_is_tried() -> None:
    bench = Bench(Warehouse(down=0))
    await bench.submit("a")
    await bench.submit("b")
    answers = await bench.finish()
    assert all(isinstance(answer, Unavailable) for answer in answers.values())
    bench.warehouse.down = None
    await bench.submit("c")
    assert (await bench.finish())["c"] is None


@run
async def test_submission_with_refused_and_unavailable_rows_is_unavailable() -> None:
    bench = Bench(Warehouse(down=1, poison=frozenset({"a"})), replace(ROOMY, batch_rows=1))
    await bench.submit("a", "b")
    assert isinstance((await bench.finish())["a"], Unavailable)


@run
async def test_unexpected_exception_reaches_the_caller_and_later_commits_work() -> None:
    calls: list[str] = []

    async def append(_table: str, _rows: Sequence[Row], row_ids: Sequence[str]) -> None:
        calls.extend(row_ids)
        if len(calls) == 1:
            raise TypeError("not a row")

    commit = RowCommit(append, ROOMY, Clock())
    with pytest.raises(TypeError):
        await commit.submit("t", [{}], ["a"], 10)
    await commit.submit("t", [{}], ["b"], 10)
    assert calls == ["a", "b"]


@run
async def test_row_beyond_the_queue_bound_is_refused_until_there_is_room() -> None:
    bench = Bench(Warehouse(), replace(ROOMY, queue_rows=2))
    for name in "abc":
        await bench.submit(name)
    assert isinstance(bench.answers["c"], Overloaded)
    assert set(bench.answers) == {"c"}
    await bench.finish()
    await bench.submit("d")
    assert (await bench.finish())["d"] is None


@run
async def test_queue_bound_is_unchanged_after_answers() -> None:
    bench = Bench(Warehouse(), replace(ROOMY, queue_rows=3))
    await bench.submit("a", "b", "c")
    await bench.finish()
    bench.warehouse.gate.clear()
    for name in "defg":
        await bench.submit(name)
    assert isinstance(bench.answers["g"], Overloaded)
    await bench.finish()


@run
async def test_queue_bytes_are_bounded() -> None:
    bench = Bench(Warehouse(), replace(ROOMY, queue_bytes=100))
    await bench.submit("a", size=99)
    await bench.submit("b", size=50)
    await bench.submit("c", size=1)
    assert isinstance(bench.answers["c"], Overloaded)
    await bench.finish()


@run
async def test_all_bytes_of_a_submission_of_several_rows_count_until_they_are_durable() -> None:
    bench = Bench(Warehouse(), replace(ROOMY, queue_bytes=100))
    await bench.submit("a", "b", "c", size=99)
    await bench.submit("d", size=1)
    await bench.submit("e", size=1)
    assert isinstance(bench.answers["e"], Overloaded)
    await bench.finish()
    await bench.submit("f", "g", size=100)
    assert (await bench.finish())["f"] is None


@run
async def test_a_submission_larger_than_the_queue_is_taken_when_there_is_room() -> None:
    bench = Bench(Warehouse(), replace(ROOMY, queue_rows=2, batch_rows=2))
    await bench.submit("a", "b", "c", "d", "e")
    assert await bench.finish() == {"a": None}


@run
async def test_row_that_waited_too_long_is_refused() -> None:
    bench = Bench(Warehouse())
    await bench.submit("a")
    await bench.submit("b")
    bench.clock.now = 10.0
    await bench.submit("c")
    bench.clock.now = 16.0
    answers = await bench.finish()
    assert isinstance(answers["b"], Overloaded)
    assert bench.warehouse.batches == [["a"], ["c"]]


@run
async def test_row_that_waited_exactly_the_limit_is_appended() -> None:
    bench = Bench(Warehouse())
    await bench.submit("a")
    await bench.submit("b")
    bench.clock.now = ROOMY.queue_seconds
    assert await bench.finish() == {"a": None, "b": None}


@run
async def test_an_append_is_filled_to_the_last_byte() -> None:
    bench = Bench(Warehouse(), replace(ROOMY, batch_bytes=100))
    await bench.submit("first", size=1)
    for name in "abc":
        await bench.submit(name, size=50)
    await bench.finish()
    assert bench.warehouse.batches == [["first"], ["a", "b"], ["c"]]


@run
async def test_row_without_an_id_raises_and_occupies_no_queue_space() -> None:
    """The event of a dropped row would be acknowledged and lost."""
    bench = Bench(Warehouse(), replace(ROOMY, queue_rows=1))
    with pytest.raises(ValueError, match="shorter"):
        await bench.commit.submit("t", [{}, {}], ["a"], 10)
    await bench.submit("b")
    assert await bench.finish() == {"b": None}


@run
async def test_cancelled_caller_does_not_affect_others() -> None:
    bench = Bench(Warehouse())
    await bench.submit("a")
    await bench.submit("b")
    bench.tasks.pop(0).cancel()
    assert await bench.finish() == {"b": None}
    assert bench.warehouse.durable == ["a", "b"]


@run
async def test_empty_submission_makes_no_append() -> None:
    warehouse = Warehouse()
    # An append would wait for the closed gate.
    await asyncio.wait_for(RowCommit(warehouse.append, ROOMY, Clock()).submit("t", [], [], 0), 10)
    assert warehouse.appends == []


@st.composite
def loads(draw: st.DrawFn) -> list[list[tuple[str, int, int]]]:
    """Draw batches of submissions: (table, rows, bytes)."""
    submission = st.tuples(st.sampled_from("tu"), st.integers(1, 7), st.integers(0, 60))
    return draw(st.lists(st.lists(submission, max_size=6), max_size=5))


@given(
    batches=loads(),
    batch_rows=st.integers(1, 5),
    batch_bytes=st.integers(1, 60),
    queue_rows=st.integers(1, 15),
    poison=st.sets(st.integers(0, 60)),
    as_a_whole=st.booleans(),
    down=st.none() | st.integers(0, 8),
)
def test_answers_bounds_and_order_hold_for_any_load(
    batches: list[list[tuple[str, int, int]]],
    batch_rows: int,
    batch_bytes: int,
    queue_rows: int,
    poison: set[int],
    as_a_whole: bool,
    down: int | None,
) -> None:
    """For any load and any warehouse behavior: each submission gets one answer, by the outcome of its rows; no append
    exceeds the bounds; no row is appended twice or lost; rows of a table keep their order."""
    bounds = Bounds(batch_rows, batch_bytes, 1.0, queue_rows, 10_000, 15.0)

    async def check() -> None:
        warehouse = Warehouse(frozenset(f"{number:04}" for number in poison), as_a_whole, down)
        bench = Bench(warehouse, bounds)
        submitted: dict[str, tuple[str, list[str], int]] = {}
        number = 0
        for batch in batches:
            warehouse.gate.clear()
            for table, count, size in batch:
                ids = [f"{number + offset:04}" for offset in range(count)]
                number += count
                submitted[ids[0]] = (table, ids, -(-size // count))
                await bench.submit(*ids, table=table, size=size)
            warehouse.gate.set()
            await settle()
        answers = await bench.finish()
        assert answers.keys() == submitted.keys()
        sizes = {row_id: each for _, ids, each in submitted.values() for row_id in ids}
        for batch in warehouse.batches:
            assert len(batch) <= batch_rows
            assert len(batch) == 1 or sum(sizes[row_id] for row_id in batch) <= batch_bytes
        assert len(warehouse.durable) == len(set(warehouse.durable))
        for table in "tu":
            kept = [row_id for row_id in warehouse.durable if row_id in owned(submitted, table)]
            assert kept == sorted(kept)
        for first, (_, ids, _) in submitted.items():
            answer, durable = answers[first], set(ids) & set(warehouse.durable)
            if answer is None:
                assert durable == set(ids)
            elif isinstance(answer, RowsRefused):
                assert (
                    {ids[place] for place in answer.errors}
                    == set(ids) & warehouse.poison
                    == set(ids) - durable
                )
            elif isinstance(answer, Overloaded):
                assert durable == set()
            else:
                assert down is not None

    asyncio.run(check())


def owned(submitted: dict[str, tuple[str, list[str], int]], table: str) -> set[str]:
    return {row_id for of, ids, _ in submitted.values() if of == table for row_id in ids}
