"""Documents that are nearly right: what the fuzzer feeds the parsers.

Each function takes its source of chance and gives the same result for the same one.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from scrapers.nbacom.pdf_text import PageText, RuledLine, Word

KEPT = 16
"""Elements of a long list that stay: more of the same would only cost time. A box score without a whole team is not
complete, and a team has at most so many players."""

LARGE = 200_000
"""Bytes from which a text is repeated no more: what is repeated again and again has no end."""

_RAW = (
    *("1e999", "-1e999", "NaN", "Infinity", "-0", "0.1e-400", "1E400", "1.0", "9" * 400, "-" + "9" * 4000),
    *("9" * 5000, "[" * 300 + "]" * 300, '"\\ud800"', '"\\udfff x"', '"\\u0000"', '{"a":1,"a":2}', "1e15"),
)
"""JSON that no Python value is written as."""

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 5, 1.5, 1e15, 1e308, 10**30, 2**63, -(10**18)),
    *("", " ", "x", "0", "-1", "٣", "９", "Z", "null", "N/A", "9" * 400, "é\u202e", "\x00"),
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
)

_CHARACTERS = "0123456789 -:./@(),;'%+AFGPMOutx\u00e9\u0663\u202e\ufffd"

Place = tuple[Any, Any]
"""A list or an object, and an index or a key in it."""


def mutated_json(document: Any, chance: Random) -> bytes:
    """Return the document with one to five things wrong; sometimes its text besides."""
    changed = json.loads(json.dumps(shortened(document, chance)))
    raw: dict[str, str] = {}
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        found = list(_places(changed))
        if not found:
            break
        _JSON_STEPS[chance.randrange(len(_JSON_STEPS))](found, chance, raw)
    text = json.dumps(changed, ensure_ascii=chance.random() < 0.5)
    for marker, token in raw.items():
        text = text.replace(f'"{marker}"', token)
    body = text.encode("utf-8", "surrogatepass")
    return mutated_bytes(body, chance) if chance.random() < 0.08 else body


def shortened(value: Any, chance: Random, kept: int = KEPT) -> Any:
    """Return the document with its long lists cut short; sometimes it is left whole."""
    if chance.random() < 0.01:
        return value
    return _cut(value, kept)


def mutated_bytes(body: bytes, chance: Random) -> bytes:
    """Return the bytes flipped, cut, repeated, or in another encoding."""
    return _BYTE_STEPS[chance.randrange(len(_BYTE_STEPS))](body, chance)


def mutated_pdf(body: bytes, chance: Random) -> bytes:
    """Return the file with bytes, objects or the text of its pages changed."""
    kind = chance.random()
    if kind < 0.3:
        return mutated_bytes(body, chance)
    if kind < 0.6:
        return _with_objects(body, chance)
    return _with_streams(body, chance)


def mutated_pages(pages: Sequence[PageText], chance: Random) -> list[PageText]:
    """Return the words and rules of a PDF's pages with one to six things wrong, as no file need be written for."""
    changed = [PageText(list(page.words), list(page.rules)) for page in pages]
    for _ in range(chance.randint(1, 6)):
        kind = chance.random()
        if kind < 0.08:
            _move_pages(changed, chance)
        elif changed:
            place = chance.randrange(len(changed))
            changed[place] = _page_with(changed[place], kind, chance)
    return changed


def _places(value: Any) -> Iterator[Place]:
    if isinstance(value, dict):
        keys: Sequence[Any] = list(value)
    else:
        keys = range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _cut(value: Any, kept: int) -> Any:
    if isinstance(value, list):
        alike = len(value) > kept and isinstance(value[0], list | dict)
        items = [*value[: kept // 2], *value[-kept // 2 :]] if alike else value
        return [_cut(item, kept) for item in items]
    if isinstance(value, dict):
        return {key: _cut(item, kept) for key, item in value.items()}
    return value


def _replace(found: Sequence[Place], chance: Random, _raw: dict[str, str]) -> None:
    owner, key = chance.choice(found)
    owner[key] = json.loads(json.dumps(chance.choice(_VALUES)))


def _replace_raw(found: Sequence[Place], chance: Random, raw: dict[str, str]) -> None:
    owner, key = chance.choice(found)
    marker = f"@@{len(raw)}@@"
    raw[marker] = chance.choice(_RAW)
    owner[key] = marker


def _drop(found: Sequence[Place], chance: Random, _raw: dict[str, str]) -> None:
    owner, key = chance.choice(found)
    del owner[key]


def _rename(found: Sequence[Place], chance: Random, _raw: dict[str, str]) -> None:
    owner, key = chance.choice(found)
    if isinstance(owner, dict):
        names = [key.upper(), f"{key}_", key[:-1], "", "\x00", *owner]
        owner[chance.choice(names)] = owner.pop(key)


def _nest(found: Sequence[Place], chance: Random, _raw: dict[str, str]) -> None:
    owner, key = chance.choice(found)
    owner[key] = chance.choice(([owner[key]], {"data": owner[key]}, {str(key): owner[key]}))


def _unnest(found: Sequence[Place], chance: Random, _raw: dict[str, str]) -> None:
    owner, key = chance.choice(found)
    inner = owner[key]
    if isinstance(inner, dict | list) and inner:
        owner[key] = chance.choice(list(inner.values()) if isinstance(inner, dict) else inner)


def _repeat(found: Sequence[Place], chance: Random, _raw: dict[str, str]) -> None:
    lists = [owner[key] for owner, key in found if isinstance(owner[key], list) and owner[key]]
    if lists:
        chosen = chance.choice(lists)
        again = json.loads(json.dumps(chance.choice(chosen)))
        chosen[chance.randrange(len(chosen)) : 0] = [again] * chance.choice((1, 1, 1, 2, 50))


def _swap(found: Sequence[Place], chance: Random, _raw: dict[str, str]) -> None:
    """Another value of the document, of the same kind where one is found soon."""
    owner, key = chance.choice(found)
    for _ in range(10):
        other, name = chance.choice(found)
        if type(other[name]) is type(owner[key]):
            owner[key] = json.loads(json.dumps(other[name]))
            return


def _empty(found: Sequence[Place], chance: Random, _raw: dict[str, str]) -> None:
    full = [(owner, key) for owner, key in found if isinstance(owner[key], list | dict) and owner[key]]
    if full:
        owner, key = chance.choice(full)
        owner[key] = type(owner[key])()


def _shuffle(found: Sequence[Place], chance: Random, _raw: dict[str, str]) -> None:
    lists = [owner[key] for owner, key in found if isinstance(owner[key], list)]
    if lists:
        chance.shuffle(chance.choice(lists))


def _text(found: Sequence[Place], chance: Random, _raw: dict[str, str]) -> None:
    texts = [(owner, key) for owner, key in found if isinstance(owner[key], str) and owner[key]]
    if texts:
        owner, key = chance.choice(texts)
        owner[key] = _mutated_text(owner[key], chance)


def _number(found: Sequence[Place], chance: Random, _raw: dict[str, str]) -> None:
    numbers = [(owner, key) for owner, key in found if type(owner[key]) in (int, float)]
    if numbers:
        owner, key = chance.choice(numbers)
        value = owner[key]
        owner[key] = chance.choice((value + 1, value - 1, -value, value * 10**9, str(value), value + 0.5))


_JSON_STEPS: tuple[Callable[[Sequence[Place], Random, dict[str, str]], None], ...] = (
    *(_replace, _replace, _replace, _replace_raw, _drop, _drop, _rename, _nest, _unnest, _repeat, _repeat),
    *(_swap, _swap, _empty, _shuffle, _text, _text, _number, _number),
)


def _mutated_text(text: str, chance: Random) -> str:
    place = chance.randrange(len(text) + 1)
    some = "".join(chance.choices(_CHARACTERS, k=chance.randint(1, 3)))
    return chance.choice(
        (
            text[:place] + some + text[place:],
            text[:place] + text[place + 1 :],
            text[:place] + some + text[place + 1 :],
            text[place:],
            text[:place],
            text * 2,
            text * (200 if len(text) < 100 else 1),
            text.upper(),
            f" {text} ",
        )
    )


def _flipped(body: bytes, chance: Random) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.choice((1, 1, 3, 30)) if changed else 0):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _truncated(body: bytes, chance: Random) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def _chunk_moved(body: bytes, chance: Random) -> bytes:
    start = chance.randrange(len(body) + 1)
    chunk = body[start : start + chance.choice((1, 10, 100, 1000))]
    target = chance.randrange(len(body) + 1)
    rest = body if chance.random() < 0.5 else body[:start] + body[start + len(chunk) :]
    return rest[:target] + chunk + rest[target:]


def _inserted(body: bytes, chance: Random) -> bytes:
    place = chance.randrange(len(body) + 1)
    return body[:place] + chance.randbytes(chance.choice((1, 2, 20))) + body[place:]


def _recoded(body: bytes, chance: Random) -> bytes:
    text = body.decode("utf-8", "replace")
    name = chance.choice(("utf-16", "utf-8-sig", "utf-32", "latin-1", "cp037"))
    return text.encode(name, "replace")


def _wrapped(body: bytes, chance: Random) -> bytes:
    page = b"<!DOCTYPE html><html><body>Access Denied</body></html>"
    return chance.choice(
        (gzip.compress(body), b"callback(" + body + b");", page + body, body + body, b"[" * 100_000)
    )


def _noise(_body: bytes, chance: Random) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 16, 1000)))


_BYTE_STEPS = (_flipped, _flipped, _truncated, _chunk_moved, _inserted, _recoded, _wrapped, _noise)

_OBJECT = re.compile(rb"\d+ \d+ obj.*?endobj\s*", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_NUMBERS = re.compile(rb"-?\d+(?:\.\d+)?")
_HOSTILE_NUMBERS = (b"0", b"-1", b"999999999999", b"1e9", b"0.0000001", b"-0.5", b"1000")
_HOSTILE_NAMES = (
    b"/Root",
    b"/Kids",
    b"/Parent",
    b"/Contents",
    b"/Font",
    b"/MediaBox",
    b"/Length",
    b"/Filter",
    b"/Type",
)


def _with_objects(body: bytes, chance: Random) -> bytes:
    """Drop, double or swap objects, or change numbers and names in them; offsets are then wrong, which readers
    mend."""
    spans = [match.span() for match in _OBJECT.finditer(body)]
    if not spans:
        return mutated_bytes(body, chance)
    start, end = chance.choice(spans)
    one = body[start:end]
    kind = chance.randrange(5)
    if kind == 0:
        return body[:start] + body[end:]
    if kind == 1:
        return body[:start] + one + one + body[end:]
    if kind == 2:
        other_start, other_end = chance.choice(spans)
        header, other = one.partition(b"obj")[0], body[other_start:other_end].partition(b"obj")[2]
        return body[:start] + header + b"obj" + other + body[end:]
    if kind == 3:
        return body[:start] + _one_replaced(one, _NUMBERS, _HOSTILE_NUMBERS, chance) + body[end:]
    return body[:start] + _one_replaced(one, re.compile(rb"/\w+"), _HOSTILE_NAMES, chance) + body[end:]


def _with_streams(body: bytes, chance: Random) -> bytes:
    """Open one content stream, change its operators, and pack it again."""
    streams = list(_STREAM.finditer(body))
    if not streams:
        return mutated_bytes(body, chance)
    match = chance.choice(streams)
    content = match[1]
    try:
        plain, packed = zlib.decompress(content), True
    except zlib.error:
        plain, packed = content, False
    for _ in range(chance.choice((1, 2, 5))):
        plain = chance.choice((_one_number, _one_byte, _one_line, _one_operator))(plain, chance)
    new = zlib.compress(plain) + b"\n" if packed else plain
    return body[: match.start(1)] + new + body[match.end(1) :]


def _one_number(content: bytes, chance: Random) -> bytes:
    return _one_replaced(content, _NUMBERS, _HOSTILE_NUMBERS, chance)


def _one_operator(content: bytes, chance: Random) -> bytes:
    return _one_replaced(
        content,
        re.compile(rb"\b(?:Tj|TJ|Tm|Td|Tf|BT|ET|cm|re|q|Q|l|m|S|f|Do)\b"),
        (b"Q", b"q", b"Do", b"ET", b"Tm"),
        chance,
    )


def _one_byte(content: bytes, chance: Random) -> bytes:
    return _flipped(content, chance)


def _one_line(content: bytes, chance: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    if not lines or len(content) > LARGE:
        return content
    place = chance.randrange(len(lines))
    lines[place : place + 1] = [lines[place]] * chance.choice((0, 2, 40))
    return b"".join(lines)


def _one_replaced(
    content: bytes, pattern: re.Pattern[bytes], values: Sequence[bytes], chance: Random
) -> bytes:
    found = list(pattern.finditer(content))
    if not found:
        return content
    match = chance.choice(found)
    return content[: match.start()] + chance.choice(values) + content[match.end() :]


def _move_pages(pages: list[PageText], chance: Random) -> None:
    kind = chance.randrange(4)
    if kind == 0 and pages:
        del pages[chance.randrange(len(pages))]
    elif kind == 1 and pages:
        pages.append(chance.choice(pages))
    elif kind == 2:
        chance.shuffle(pages)
    else:
        pages.insert(0, PageText([], []))


def _page_with(page: PageText, kind: float, chance: Random) -> PageText:
    words, rules = list(page.words), list(page.rules)
    if kind < 0.2 and rules:
        place = chance.randrange(len(rules))
        rule = rules[place]
        moved = RuledLine(rule.x0 + chance.uniform(-50, 50), rule.x1, rule.y + chance.uniform(-9, 9))
        rules[place : place + 1] = chance.choice(([], [rule, rule], [moved]))
    elif words:
        _change_word(words, chance)
    return PageText(words, rules)


def _change_word(words: list[Word], chance: Random) -> None:
    place = chance.randrange(len(words))
    word, other = words[place], chance.choice(words)
    shift = chance.choice((-30.0, -12.0, -3.0, 3.0, 12.0, 30.0, 1e6))
    line = [one for one in words if abs(one.top - word.top) < 2]
    kind = chance.randrange(9)
    if kind == 0:
        del words[place]
    elif kind == 1:
        words.append(word)
    elif kind == 2:
        words[place] = replace(word, text=other.text)
    elif kind in (3, 4):
        words[place] = replace(word, text=_mutated_text(word.text, chance) or "x")
    elif kind == 5:
        words[place] = replace(word, x0=word.x0 + shift, x1=word.x1 + shift)
    elif kind == 6:
        words[place] = replace(word, top=word.top + shift, bottom=word.bottom + shift)
    elif kind == 7:
        words[:] = [one for one in words if one not in line]
    else:
        target = other.top - word.top
        words.extend(replace(one, top=one.top + target, bottom=one.bottom + target) for one in line)
