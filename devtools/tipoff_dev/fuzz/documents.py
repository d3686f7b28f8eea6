"""Hypothesis strategies of nearly valid documents, for the fuzzer.

A document consists of lists and objects with leaves of another type, and is changed in a few places. The same steps
change the JSON of a source, the objects of a PDF's file and the words of its pages. Hypothesis draws the steps and
shrinks the inputs of finds.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from scrapers.nbacom.pdf_text import PageText, RuledLine, Word, lines_of

KEPT = 16
"""Elements kept of a long list: more of the same kind would only cost time. A team has at most so many players, and a
box score without a whole team is incomplete."""

_RAW = ("1e999", "-1e999", "-0", "0.1e-400", "9" * 5000, "[" * 300 + "]" * 300)
"""JSON tokens that `json.dumps` never writes. A document has each between two marks, which `_written` removes."""
_MARK = "@@"
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 5, 1.5, 1e15, 1e308, 10**30, 2**63, 10**400, float("nan")),
    *(
        "",
        " ",
        "x",
        "0",
        "-1",
        "\u0663",
        "\uff19",
        "Z",
        "null",
        "N/A",
        "9" * 400,
        "\ud800",
        "\udfff x",
        "\x00",
    ),
    *("PT99999M00.00S", "PT" + "9" * 400 + "M00.00S", "9" * 400 + ":00", "0000-00-00", "0001-01-01T00:00Z"),
    *("9999-12-31T23:59:59Z", "2025-01-15", "2025-02-30T00:00:00Z", "2025-01-15T19:00:00", "99991231/NYKPHI"),
    *(
        "2025-01-15T19:00:00+23:59",
        "00010101/NYKPHI",
        "01/15/2025",
        "LA",
        "Real Madrid",
        "Team LeBron",
        "RMD",
    ),
    *([], [[]], [None], {}, {"": {}}, {"name": []}),
    *(f"{_MARK}{token}{_MARK}" for token in _RAW),
)
_HTML = b"<!DOCTYPE html><html><body>Access Denied</body></html>"
_CODECS = ("utf-16", "utf-8-sig", "utf-32", "latin-1", "cp037")
_OBJECT_END = re.compile(rb"(?<=endobj)")
_TOKEN = re.compile(rb"-?\d+(?:\.\d+)?|/?\b[A-Za-z]+\b")
_TOKENS = (
    b"",
    b"0",
    b"-1",
    b"-0.5",
    b"1e9",
    b"999999999999",
    b"/Root",
    b"/Kids",
    b"/Length",
    b"Q",
    b"q",
    b"Do",
    b"ET",
)

Variants = Callable[[Any], st.SearchStrategy[Any]]
"""Returns the strategy of replacements for a leaf."""


@st.composite
def nearly(draw: st.DrawFn, document: Any, variants: Variants, *, typed: bool = False) -> Any:
    """Draw the document with one to five changes. typed: replace a value by one of the same type only."""
    whole = [_copied(document)]
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 2, 3, 5)))):
        if not whole:
            break
        owner, key = _place(draw, whole)
        value = owner[key]
        match draw(st.sampled_from(("variant", "variant", "drop", "repeat", "another", "rename", "order"))):
            case "drop":
                del owner[key]
            case "repeat" if isinstance(owner, list):
                owner[key:key] = [_copied(value)] * draw(st.sampled_from((1, 1, 2, 50)))
            case "another":
                other, name = _place(draw, whole)
                if type(other[name]) is type(value) or not typed:
                    owner[key] = _copied(other[name])
            case "rename" if isinstance(owner, dict):
                owner[draw(st.sampled_from([key.upper(), key[:-1], "", *owner]))] = owner.pop(key)
            case "order" if isinstance(value, list):
                first = draw(st.integers(0, len(value)))
                owner[key] = value[first:] + value[:first]
            case _:
                owner[key] = draw(variants(value))
    return whole[0] if whole else None


def nearly_json(document: Any) -> st.SearchStrategy[bytes]:
    """Return a strategy of changed texts of a document with shortened lists; a few have changed bytes as well."""
    text = nearly(_shortened(document), _json_variants).map(_written)
    return st.integers(0, 9).flatmap(lambda kind: text if kind else text.flatmap(nearly_bytes))


def nearly_bytes(body: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy of the body with bytes replaced, cut, wrapped, or in another encoding."""
    place = st.integers(0, len(body))
    return st.one_of(
        st.tuples(place, st.binary(max_size=20), place).map(lambda it: body[: it[0]] + it[1] + body[it[2] :]),
        st.tuples(place, st.binary(min_size=1, max_size=3)).map(
            lambda it: body[: it[0]] + it[1] + body[it[0] + len(it[1]) :]
        ),
        place.map(lambda end: body[:end]),
        st.sampled_from(_CODECS).map(lambda name: body.decode("utf-8", "replace").encode(name, "replace")),
        st.sampled_from((gzip.compress(body), b"callback(" + body + b");", _HTML + body, b"[" * 100_000)),
        st.binary(max_size=100),
    )


def nearly_pdf(body: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy of files with changed bytes or objects; readers repair the offsets, which are then wrong."""
    objects = nearly(_OBJECT_END.split(body), _pdf_variants, typed=True)
    return st.one_of(nearly_bytes(body), objects.map(lambda parts: b"".join(parts or ())))


def nearly_pages(pages: Sequence[PageText]) -> st.SearchStrategy[list[PageText]]:
    """Return a strategy of the words and rules of a PDF's pages, which needs no PDF file."""
    # Nested by line, so that a whole line can be dropped, repeated or moved like a word.
    split = [[*lines_of(page.words), list(page.rules)] for page in pages]
    return nearly(split, _page_variants, typed=True).map(
        lambda changed: [_joined(page) for page in changed or [[]]]
    )


def _copied(value: Any) -> Any:
    """Copy lists and objects, but not leaves, which are never changed in place."""
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return {key: _copied(item) for key, item in value.items()} if isinstance(value, dict) else value


def _place(draw: st.DrawFn, value: Any) -> tuple[Any, Any]:
    """Draw a list or object and an index or key in it, with equal probability for all places."""
    places: list[tuple[Any, Any]] = []
    _collect(value, places)
    # Two small ranges, because Hypothesis prefers small numbers in a large range.
    return places[(127 * draw(st.integers(0, 126)) + draw(st.integers(0, 126))) % len(places)]


def _collect(value: Any, places: list[tuple[Any, Any]]) -> None:
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        places.append((value, key))
        if isinstance(value[key], dict | list):
            _collect(value[key], places)


def _shortened(value: Any) -> Any:
    if isinstance(value, list):
        alike = len(value) > KEPT and isinstance(value[0], list | dict)
        return [_shortened(it) for it in ([*value[: KEPT // 2], *value[-KEPT // 2 :]] if alike else value)]
    return {key: _shortened(it) for key, it in value.items()} if isinstance(value, dict) else value


def _json_variants(value: Any) -> st.SearchStrategy[Any]:
    around = st.sampled_from(([value], {"data": value}, type(value)()))
    own: tuple[st.SearchStrategy[Any], ...] = ()
    if isinstance(value, str):
        own = (_edited(value), _edited(value))
    elif isinstance(value, int | float):
        own = (st.sampled_from((value + 1, value - 1, -value, value * 10**9, str(value))),)
    elif isinstance(value, list) and value:
        own = (st.sampled_from(value),)
    elif isinstance(value, dict) and value:
        own = (st.sampled_from(list(value.values())),)
    return st.one_of(st.sampled_from(_VALUES), around, *own)


def _edited(text: str) -> st.SearchStrategy[str]:
    place = st.integers(0, len(text))
    some = st.text("0123456789 -:./@(),;'%+AFGPMOutx\u00e9\u0663\u202e\ufffd", max_size=3)
    return st.one_of(
        st.tuples(place, some, st.integers(0, 2)).map(
            lambda it: text[: it[0]] + it[1] + text[it[0] + it[2] :]
        ),
        place.map(lambda it: text[it:]),
        place.map(lambda it: text[:it]),
        st.sampled_from((text * 2, text[:100] * 200, text.upper(), f" {text} ", text + "\ud800")),
    )


def _written(document: Any) -> bytes:
    # json.dumps escapes an unpaired surrogate, which cannot be encoded.
    text = json.dumps(document)
    return text.replace(f'"{_MARK}', "").replace(f'{_MARK}"', "").encode()


def _pdf_variants(value: Any) -> st.SearchStrategy[Any]:
    """Change a token of a PDF object; any other value stays the same."""
    found = list(_TOKEN.finditer(value)) if isinstance(value, bytes) else []
    if not found:
        return st.just(value)
    return st.tuples(st.sampled_from(found), st.sampled_from(_TOKENS)).map(
        lambda it: value[: it[0].start()] + it[1] + value[it[0].end() :]
    )


def _page_variants(value: Any) -> st.SearchStrategy[Any]:
    """Edit a word's text, or move a word, a rule or a whole line."""
    names = st.sampled_from((("x0", "x1"), ("top", "bottom", "y")))
    shift = st.sampled_from((-30.0, -12.0, -3.0, 3.0, 12.0, 30.0, 1e6))
    moved = st.tuples(names, shift).map(lambda it: _moved(value, *it))
    if isinstance(value, Word):
        # A PDF library never returns an unpaired surrogate or an empty word.
        texts = _edited(value.text).map(lambda text: text.replace("\ud800", "") or "x")
        return texts.map(lambda text: replace(value, text=text)) | moved
    return moved


def _moved(value: Any, names: Sequence[str], by: float) -> Any:
    """Add `by` to these coordinates of a word or a rule, or of every item of a list."""
    if isinstance(value, list):
        return [_moved(item, names, by) for item in value]
    return replace(value, **{name: getattr(value, name) + by for name in names if hasattr(value, name)})


def _joined(page: Any) -> PageText:
    """Build a page from the words and rules in a changed page, at any depth."""
    found = list(_leaves(page))
    words = [item for item in found if isinstance(item, Word)]
    return PageText(words, [item for item in found if isinstance(item, RuledLine)])


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
