"""Tests of execution groups: executions of one occurrence that arrive together share one write."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.controller import DAY
from tests.support.examples import examples
from tests.support.samples import executed
from tipoff_common.events import ScrapeExecuted
from tipoff_common.ports import Unavailable
from tipoff_controller import execution_groups
from tipoff_controller.execution_groups import ExecutionGroups
from tipoff_controller.occurrence_store import Key


class Writer:
    """A writer that records groups; if held, it writes after `go` is set."""

    def __init__(self, *, held: bool = False, fails: int = 0, expected_arrivals: int = 1) -> None:
        self.groups: list[list[str]] = []
        self.go = threading.Event()
        self.fails, self.expected_arrivals = fails, expected_arrivals
        if not held:
            self.go.set()

    def note(self, _key: Key, events: Sequence[ScrapeExecuted]) -> None:
        assert self.go.wait(10)
        self.groups.append([event.request_id for event in events])
        if self.fails:
            self.fails -= 1
            raise Unavailable("the bucket is down")

    def under_way(self, _key: Key) -> int:
        return self.expected_arrivals


def event(number: int, occurrence: str | None = "o") -> ScrapeExecuted:
    return executed(
        request_id=f"r-{number}", execution_id=f"r-{number}", occurrence_id=occurrence, game_date=DAY
    )


async def submit(groups: ExecutionGroups, *events: ScrapeExecuted) -> list[Any]:
    return await asyncio.gather(*(groups.submit(item) for item in events), return_exceptions=True)


def test_simultaneous_executions_are_grouped_by_occurrence() -> None:
    writer = Writer()
    groups = ExecutionGroups(writer.note, writer.under_way)
    asyncio.run(submit(groups, *(event(n) for n in range(5)), event(9, "other")))
    assert sorted(map(len, writer.groups)) == [1, 5]


def test_executions_arriving_during_write_form_next_group() -> None:
    writer = Writer(held=True)
    groups = ExecutionGroups(writer.note, writer.under_way)

    async def run() -> None:
        first = asyncio.create_task(groups.submit(event(0)))
        for _ in range(20):
            await asyncio.sleep(0)
        rest = [asyncio.create_task(groups.submit(event(n))) for n in range(1, 4)]
        await asyncio.sleep(0)
        writer.go.set()
        await asyncio.gather(first, *rest)

    asyncio.run(run())
    assert writer.groups == [["r-0"], ["r-1", "r-2", "r-3"]]


def test_first_execution_of_fan_out_is_written_at_once_and_next_group_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Siblings are under way, so the second group waits for them until its time is up, by the test's own clock."""
    # Longer than the test, so that only the test's clock ends the wait.
    monkeypatch.setattr(execution_groups, "WAIT_SECONDS", 60.0)
    writer, now = Writer(expected_arrivals=100), [0.0]
    groups = ExecutionGroups(writer.note, writer.under_way, lambda: now[0])

    async def run() -> None:
        await groups.submit(event(0))
        late = [asyncio.create_task(groups.submit(event(n))) for n in range(1, 3)]
        for _ in range(20):
            await asyncio.sleep(0)
        now[0] += execution_groups.WAIT_SECONDS
        late.append(asyncio.create_task(groups.submit(event(3))))
        await asyncio.gather(*late)

    asyncio.run(run())
    assert writer.groups == [["r-0"], ["r-1", "r-2", "r-3"]]


def test_execution_without_siblings_under_way_does_not_wait() -> None:
    writer = Writer(expected_arrivals=1)
    groups = ExecutionGroups(writer.note, writer.under_way, lambda: 0.0)  # the clock stands still

    async def run() -> None:
        for number in range(3):
            await groups.submit(event(number))

    asyncio.run(run())
    assert writer.groups == [["r-0"], ["r-1"], ["r-2"]]


def test_failed_write_fails_only_executions_of_its_group() -> None:
    writer = Writer(fails=1)
    groups = ExecutionGroups(writer.note, writer.under_way)

    async def run() -> tuple[list[Any], list[Any]]:
        return await submit(groups, event(0), event(1)), await submit(groups, event(2))

    failed, done = asyncio.run(run())
    assert [type(item) for item in failed] == [Unavailable, Unavailable]
    assert done == [None]


def test_execution_without_occurrence_is_not_written() -> None:
    writer = Writer()
    asyncio.run(ExecutionGroups(writer.note, writer.under_way).submit(event(0, None)))
    assert writer.groups == []


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 3)), max_size=40))
@settings(max_examples=examples(30), deadline=None)
def test_each_execution_is_written_once_under_its_occurrence(arrivals: list[tuple[str, int]]) -> None:
    seen: list[tuple[Key, str]] = []
    groups = ExecutionGroups(
        lambda key, events: seen.extend((key, item.request_id) for item in events), lambda _: 1
    )

    async def run() -> None:
        waiting = []
        for number, (occurrence, pause) in enumerate(arrivals):
            waiting.append(asyncio.create_task(groups.submit(event(number, occurrence))))
            for _ in range(pause):
                await asyncio.sleep(0)
        await asyncio.gather(*waiting)

    asyncio.run(run())
    assert sorted(seen) == sorted((Key(DAY, name), f"r-{n}") for n, (name, _) in enumerate(arrivals))


@pytest.mark.parametrize("size", [execution_groups.LARGEST + 20])
def test_group_size_is_limited(size: int) -> None:
    writer = Writer()
    asyncio.run(submit(ExecutionGroups(writer.note, writer.under_way), *(event(n) for n in range(size))))
    assert sum(map(len, writer.groups)) == size
    assert max(map(len, writer.groups)) <= execution_groups.LARGEST
