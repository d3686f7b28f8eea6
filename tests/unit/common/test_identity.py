"""Tests of identities as functions of content."""

import hashlib
import inspect
from datetime import UTC, date, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tipoff_common.identity import (
    content_hash,
    decision_id,
    event_id,
    manual_occurrence_id,
    occurrence_id,
    request_id,
    schedule_row_id,
    short_hash,
)

DAY = date(2025, 1, 15)
TICK = datetime(2025, 1, 15, 17, 0, tzinfo=UTC)


def test_ids_equal_those_of_the_first_release() -> None:
    """Rows of the last 90 days and the ledgers contain these ids: a change would repeat every request."""
    assert occurrence_id("injury_discovery", DAY, "-", 0) == "ee493ec5-13b8-54af-8f45-b4bb248b1c7c"
    assert decision_id("o", TICK) == "0d4603d5-358a-5cc0-9136-70d569b890d4"
    assert request_id("o", "main", "lines", {"b": "2", "a": "1"}, 1) == "6cfe9a44-b4f3-5414-b170-257926f61b5c"
    assert schedule_row_id("o", "v1", "EXPECTED") == "8fdfed0d-6e9f-5524-86da-8fccc28c6434"
    assert event_id("tipoff.tick.fired.v1", "evaluate", TICK) == "f0b492b0-9784-5755-91d0-cffbcc5b9091"


def test_every_id_is_a_version_5_uuid() -> None:
    made = [
        occurrence_id("w", DAY, "-", 0),
        decision_id("o", TICK),
        request_id("o", "s", "x", {}, 1),
        manual_occurrence_id("x", "key"),
        schedule_row_id("o", "v", "EXPECTED"),
        event_id("t"),
    ]
    assert {UUID(one).version for one in made} == {5}
    assert len(set(made)) == len(made)


@given(st.lists(st.text(), min_size=2, max_size=2), st.lists(st.text(), min_size=2, max_size=2))
def test_ids_are_equal_only_for_equal_keys(first: list[str], second: list[str]) -> None:
    assert (event_id("t", *first) == event_id("t", *second)) == (first == second)


def test_ids_of_different_kinds_differ() -> None:
    assert manual_occurrence_id("a", "b") != event_id("a", "b")


def test_rescheduled_game_keeps_its_occurrence_id() -> None:
    """A postponed game stayed expected (incident 20): the id does not depend on the instant."""
    assert list(inspect.signature(occurrence_id).parameters) == ["workflow", "game_date", "subject", "slot"]


def test_same_idempotency_key_gives_same_occurrence_id() -> None:
    assert manual_occurrence_id("lines", "k1") == manual_occurrence_id("lines", "k1")
    assert manual_occurrence_id("lines", "k1") != manual_occurrence_id("lines", "k2")


def test_a_hash_is_sha256() -> None:
    assert content_hash(b"tipoff") == hashlib.sha256(b"tipoff").hexdigest()
    assert short_hash(b"tipoff") == content_hash(b"tipoff")[:12]
