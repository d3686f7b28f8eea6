"""Tests of conditions: subjects and texts from the rows of a batch and the day's verdict."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.monitor.bench import NINE, Watched, book_of, rules_file
from tipoff_common.events import AlertState
from tipoff_monitor.actions import find, silence
from tipoff_monitor.conditions import Condition, conditions_of_rows
from tipoff_monitor.texts import LONGEST, one_line

BOOK = book_of(rules_file(broken={}))


def condition(**changes: Any) -> Condition:
    """Return the condition of a row."""
    row = {"rule": "broken", "subject": "s", "since": NINE, "value": 1.0, "summary": "It broke.", **changes}
    (found,) = conditions_of_rows([dict.fromkeys(("severity", "workflow", "scraper")) | row], BOOK)
    return found


SUBJECTS = [
    "BOS@MIA",
    "#1",
    "a <@U1>",
    "https://api.test/v1",
    "www.test.org",
    "mailto:a@b.c",
    "gs://b/x.json",
]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_subject_is_found_and_silenced_as_typed(subject: str) -> None:
    """Invisible characters in the subject's links made both commands miss the alert."""
    watched = Watched(rules_file(broken={}))
    watched.tick(condition(subject=subject))
    assert find(watched.memory, f"broken/{subject}").subject == subject
    watched.memory, _ = silence(
        watched.memory, "broken", subject, NINE + timedelta(hours=2), "ann@x", "known"
    )
    watched.tick(condition(subject=subject))
    assert watched.incident(f"broken/{subject}").state is AlertState.SILENCED


@given(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=300))
def test_text_without_spaces_or_control_characters_is_unchanged(text: str) -> None:
    found = condition(subject=text, workflow=text, scraper=text, summary=text)
    assert (found.subject, found.workflow, found.scraper, found.summary) == (text,) * 4


@given(st.text(max_size=300))
def test_any_subject_becomes_one_line(text: str) -> None:
    assert condition(subject=text).subject.isprintable()


@given(st.text(min_size=LONGEST - 50, max_size=LONGEST * 2))
@example("x" * (LONGEST + 1))
@example("x" * 2_000_000)
def test_a_long_text_is_cut_once(text: str) -> None:
    """A message cut the summary that was cut already, and ended with the marks of two cuts."""
    line = one_line(text)
    assert len(line) <= LONGEST
    assert one_line(line) == line
