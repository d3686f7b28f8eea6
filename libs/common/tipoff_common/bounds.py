"""Size limits for the parts of an event.

Every part of an event has to fit a message, a row and an object, and has to be readable again from each of them. A
name or id that is too long is refused, as a shortened one would identify another thing. Texts for people and further
facts are cut, and state how much was left out. The limits of all parts of an event add up to less than EVENT_LIMIT;
`tests/contract/test_largest_events.py` checks that.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, StringConstraints
from pydantic_core import to_json

from tipoff_common.identity import content_hash

T = TypeVar("T")

EVENT_LIMIT = 1024 * 1024
"""Bytes of an event's payload; larger ones are rejected (docs/adr/0006-oversized-messages.md)."""
NAME_CHARACTERS, LABEL_CHARACTERS = 100, 200
VALUE_CHARACTERS = 200
PROSE_CHARACTERS = 4_000
SUBJECT_CHARACTERS = 1_300
"""A subject may be a gs:// path: "gs://", a bucket of 222 and an object of 1,024 bytes."""
SUMMARY_BYTES = 192 * 1024
CONTEXT_BYTES = 192 * 1024
ATTRIBUTES_BYTES = 128 * 1024
FAN_OUT_BYTES = 128 * 1024
HEAD_JSON_BYTES = 400 * 1024
"""Limit of a rejected payload's head as JSON, where a byte may take six."""
TEXTS_BYTES = 64 * 1024
FILES_BYTES = FINDINGS_BYTES = 256 * 1024
PARAMETERS, PARAMETERS_BYTES = 50, 32 * 1024
MAX_DEPTH = 32
"""Levels of JSON. BigQuery accepts 500 and pydantic 200; no legitimate event comes near."""
_INT64 = range(-(2**63), 2**63)
"""The integers that BigQuery's JSON holds exactly."""
_MAX_EXACT_INTEGER = 2**53
"""The largest integer that every JSON parser holds exactly (RFC 8259, section 6)."""
_MARKER_CHARACTERS = 60
"""Characters reserved for the note on the characters left out."""
LEFT_OUT = "left_out"
"""The key that a cut JSON object gets; its value states how many entries are left out."""


def _not_boolean(value: object) -> object:
    # pydantic reads true as 1, so the stored value would differ from the one sent.
    if isinstance(value, bool):
        raise ValueError("expected a number, not true or false")
    return value


def clip_text(text: str, characters: int = PROSE_CHARACTERS) -> str:
    """Return the text, encodable as UTF-8 and cut to `characters`, with a count of the characters left out."""
    if not text.isascii():
        # Write an unpaired surrogate, which JSON may escape and an error may quote, as its escape.
        text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= characters:
        return text
    kept = characters - _MARKER_CHARACTERS
    return f"{text[:kept]}... ({len(text) - kept:,} more characters left out)"


def clip_subject(text: str) -> str:
    """Cut an event's subject, a name or a gs:// path, as `clip_text` does."""
    return clip_text(text, SUBJECT_CHARACTERS)


def bounded_name(text: str, limit: int) -> str:
    """Return the text if it has at most `limit` bytes, else a prefix and the hash of the whole text."""
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) <= limit:
        return encoded.decode()
    digest = content_hash(encoded)[:32]
    return f"{encoded[: limit - len(digest) - 1].decode('utf-8', 'ignore')}~{digest}"


def name_part(text: str) -> str:
    """Return one segment of an object's name for any text: quoted, and hashed when it would be long.

    Different texts get different segments. A hashed segment cannot be read back: the object itself has to hold the
    text.
    """
    return bounded_name(quote(text, safe=""), NAME_CHARACTERS)


def _clip_head(text: str) -> str:
    size = len(to_json(text))
    while size > HEAD_JSON_BYTES:
        text = text[: len(text) * HEAD_JSON_BYTES // size]
        size = len(to_json(text))
    return text


def cut_list(items: Sequence[T], limit: int, *, reserve: int = 200) -> Sequence[T]:
    """Return the first items that take at most `limit` bytes of JSON; `reserve` bytes stay free for a marker."""
    # If all items fit, no marker is needed, and the items may use the reserve too.
    size, kept = 2, 0
    for item in items:
        size += len(to_json(item)) + 1
        if size > limit:
            return items[:kept]
        if size <= limit - reserve:
            kept += 1
    return items


def left_out(count: int, items: str = "more") -> str:
    """Format the count of items left out."""
    return f"({count:,} {items} left out)"


def _cut_texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    kept = cut_list(texts, TEXTS_BYTES)
    return texts if len(kept) == len(texts) else (*kept, left_out(len(texts) - len(kept)))


def check_json(value: Any, depth: int = 0) -> Any:
    """Return the value if every JSON parser reads it alike.

    Raises:
        ValueError: a number that is not finite or beyond 64 bits, text that is no Unicode, or too many levels.
    """
    if isinstance(value, str):
        value.encode()  # An unpaired surrogate cannot be encoded as UTF-8.
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a finite number")
    elif isinstance(value, int):
        if value not in _INT64:
            raise ValueError("an integer has more than 64 bits")
    elif isinstance(value, Mapping | list | tuple):
        if depth >= MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        for item in (*value, *value.values()) if isinstance(value, Mapping) else value:
            check_json(item, depth + 1)
    return value


def storable_json(value: Any, depth: int = 0) -> JsonValue:
    """Return a value that `check_json` accepts; values that JSON cannot hold become text."""
    match value:
        case None | bool():
            return value
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case float() if math.isfinite(value):
            return value
        case int() if value in _INT64:
            return value
        case int() | float():
            return f"{value:.17g}" if isinstance(value, float) else hex(value)
        case Mapping() if depth < MAX_DEPTH:
            return storable_object(value, depth)
        case list() | tuple() if depth < MAX_DEPTH:
            return [storable_json(item, depth + 1) for item in value]
    return clip_text(str(value), VALUE_CHARACTERS).encode("utf-8", "backslashreplace").decode()


def storable_object(value: Mapping[str, Any], depth: int = 0) -> dict[str, JsonValue]:
    """Return an object that `check_json` accepts; names and values that JSON cannot hold become text."""
    return {str(storable_json(str(name))): storable_json(item, depth + 1) for name, item in value.items()}


_CUTS = ((1_000, 4_000), (200, 1_000), (50, 400), (20, 200), (5, 100))
"""Limits to try on a JSON value that is too large, until it fits: entries of each list and object, characters of each
text."""


def clip_json(value: Mapping[str, JsonValue], limit: int) -> Mapping[str, JsonValue]:
    """Return the object with its lists and texts cut until it takes at most `limit` bytes of JSON.

    Each list, object and text that was cut states how much was left out.
    """
    if len(to_json(dict(value))) <= limit:
        return value
    for entries, characters in _CUTS:
        cut = {
            str(_cut(name, entries, characters)): _cut(item, entries, characters)
            for name, item in value.items()
        }
        if len(to_json(cut)) <= limit:
            return cut
    # Still too large: keep only the short top-level facts, as many as fit.
    facts = [
        (name, item)
        for name, item in value.items()
        if not isinstance(item, dict | list) and len(str(item)) < 200
    ]
    kept = dict(cut_list(facts, limit // 2))
    return {**kept, LEFT_OUT: left_out(len(value) - len(kept), "entries")}


def _cut(value: JsonValue, entries: int, characters: int) -> JsonValue:
    if isinstance(value, str):
        return clip_text(value, max(characters, 2 * _MARKER_CHARACTERS))
    if isinstance(value, dict):
        kept = {
            str(_cut(name, 0, characters)): _cut(item, entries, characters)
            for name, item in list(value.items())[:entries]
        }
        over = len(value) - entries
        return {**kept, LEFT_OUT: left_out(over, "entries")} if over > 0 else kept
    if isinstance(value, list):
        items = [_cut(item, entries, characters) for item in value[:entries]]
        return [*items, left_out(len(value) - entries)] if len(value) > entries else items
    return value


def _sized(limit: int) -> AfterValidator:
    def check(value: Mapping[str, T]) -> Mapping[str, T]:
        if (size := len(to_json(dict(value)))) > limit:
            raise ValueError(f"{size:,} bytes as JSON; the limit is {limit:,}")
        return value

    return AfterValidator(check)


def _json_object(limit: int) -> AfterValidator:
    return AfterValidator(lambda value: clip_json(check_json(value), limit))


# The limits stand before _not_boolean, so that JSON Schemas state them.
Integer = Annotated[int, Field(ge=-_MAX_EXACT_INTEGER, le=_MAX_EXACT_INTEGER), BeforeValidator(_not_boolean)]
Count = Annotated[int, Field(ge=0, le=_MAX_EXACT_INTEGER), BeforeValidator(_not_boolean)]
Minutes = Annotated[int, Field(ge=1, le=1440), BeforeValidator(_not_boolean)]
"""Up to a day. A separate type: of two bounds of the same kind, the type's and the field's, pydantic applies one."""
AttemptNumber = Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(_not_boolean)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False), BeforeValidator(_not_boolean)]
Number = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_not_boolean)]

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
"""An identity. An id becomes part of object names, hence the limited characters."""
ObjectPath = Annotated[str, Field(max_length=SUBJECT_CHARACTERS)]
GCS_PATH = r"^gs://[^/]+/.+$"
GcsPath = Annotated[str, Field(pattern=GCS_PATH, max_length=SUBJECT_CHARACTERS)]
ScraperName = Annotated[str, Field(max_length=NAME_CHARACTERS)]
Label = Annotated[str, Field(max_length=LABEL_CHARACTERS)]
"""A name, hash or version."""
Prose = Annotated[str, AfterValidator(clip_text)]
"""Text for a person."""
ReasonText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""A person's reason for an action, in that person's words. A blank text would explain nothing."""
Subject = Annotated[str, AfterValidator(clip_subject)]
Head = Annotated[str, AfterValidator(_clip_head)]
Texts = Annotated[tuple[Prose, ...], AfterValidator(_cut_texts)]
"""Texts for a person; when cut, the last one states how many were left out."""
Parameters = Annotated[Mapping[Label, str], Field(max_length=PARAMETERS), _sized(PARAMETERS_BYTES)]
FanOutValue = Annotated[str, Field(min_length=1, max_length=VALUE_CHARACTERS)]
"""A value for a parameter of a follow-up request."""
FanOutKeys = Annotated[
    Mapping[Label, tuple[FanOutValue, ...]], Field(max_length=PARAMETERS), _sized(FAN_OUT_BYTES)
]
DataSummary = Annotated[Mapping[str, JsonValue], _json_object(SUMMARY_BYTES)]
Context = Annotated[Mapping[str, JsonValue], _json_object(CONTEXT_BYTES)]
Attributes = Annotated[Mapping[str, str], _json_object(ATTRIBUTES_BYTES)]
