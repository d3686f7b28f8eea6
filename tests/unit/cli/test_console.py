"""Tests of the console: no output path passes control characters of a source or row to the terminal."""

import contextlib
import json
import unicodedata
from collections.abc import Callable

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from tipoff_cli.console import console, errors, refuse, refuse_unknown, say_fields, say_json, say_rows

ATTACKS = (
    "\x1b[2J\x1b[1;1H",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31mred",
    "a\rb",
    "a\x08b",
    "\u202egnp.exe",
)


def printed(say: Callable[[], None]) -> str:
    """Return the output of both consoles."""
    with console.capture() as out, errors.capture() as err, contextlib.suppress(typer.Exit):
        say()
    return out.get() + err.get()


WAYS: dict[str, Callable[[str], None]] = {
    "a line": lambda text: console.print(text, markup=False),
    "a text": lambda text: console.print(Text(text), soft_wrap=True),
    "a table": lambda text: say_rows(("one", "two"), [(text, text)]),
    "fields": lambda text: say_fields([(text, text)]),
    "an error": lambda text: refuse(text),
    "a name that is unknown": lambda text: refuse_unknown("scraper", text, ["one"]),
    "JSON": lambda text: say_json({text: [text]}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_terminal_attack_sequence_is_neutralized(way: str, attack: str) -> None:
    out = printed(lambda: WAYS[way](f"before {attack} after"))
    assert not any(unicodedata.category(one) == "Cc" and one not in "\n\t" for one in out)
    assert "\u202e" not in out
    assert "before" in out
    assert "after" in out


@pytest.mark.parametrize("way", WAYS)
@given(text=st.text(max_size=40))
def test_arbitrary_text_prints_no_control_characters(way: str, text: str) -> None:
    out = printed(lambda: WAYS[way](text))
    assert not [one for one in out if unicodedata.category(one) == "Cc" and one not in "\n\t"]


@given(st.text(max_size=60))
def test_json_output_round_trips(text: str) -> None:
    assert json.loads(printed(lambda: say_json({"text": text}))) == {"text": text}


def test_plain_text_is_printed_unchanged() -> None:
    with console.capture() as captured:
        console.print(Text("plain"))
    assert captured.get() == "plain\n"


def test_similar_known_name_is_suggested() -> None:
    output = printed(lambda: refuse_unknown("workflow", "injury_discovry", ["injury_discovery", "post_game"]))
    assert "did you mean injury_discovery?" in output
    assert "there are one, two" in printed(lambda: refuse_unknown("workflow", "xyz", ["one", "two"]))


PAUSE = ("workflow", "levels", "2026-12-01 06:40", "2026-12-01 18:40", "root", "the source moved")


@pytest.mark.parametrize("width", [40, 60, 70, 76, 80, 120])
def test_no_cell_of_a_table_is_cut_off(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """The list of pauses cut off the minute at which a pause ends."""
    monkeypatch.setattr(console, "_width", width)
    out = printed(lambda: say_rows(("what", "name", "since", "until", "by", "why"), [PAUSE]))
    assert all(cell in out for cell in PAUSE)
