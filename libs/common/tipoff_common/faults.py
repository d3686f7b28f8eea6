"""Messages for values that a model refuses, with the remedy."""

import re
from collections.abc import Mapping

from pydantic_core import ErrorDetails

from tipoff_common.words import did_you_mean

PATTERNS: Mapping[str, str] = {
    r"^[a-z][a-z0-9_]*$": "write a small letter, then small letters, digits and '_', such as box_scores",
    r"^[a-z][a-z0-9-]{0,59}$": "write a small letter, then small letters, digits and '-', such as warehouse-down",
    r"^[a-z][a-z0-9-]{0,16}$": "write a small letter, then at most 16 small letters, digits and '-'",
    r"^[A-Z][A-Z0-9_]*$": "write a capital letter, then capital letters, digits and '_', such as ODDS_API_KEY",
    r"^[a-z0-9.-]+(:\d+)?$": "write a host, with a port if it needs one, such as cdn.nba.com",
    r"^[a-z0-9_-]+(/[a-z0-9_{}-]+)*$": "write a folder such as nba-com/box-scores/{game_date}/{game_id}",
    r"^docs/runbooks/[a-z0-9-]+\.md$": "write the runbook's path, such as docs/runbooks/warehouse-down.md",
    r"^https?://\S+$": "write an address such as https://console.example.com",
    r"^[A-Za-z0-9_]{1,1024}$": "write letters, digits and '_'",
    r"^[A-Za-z0-9._-]{0,128}$": "write at most 128 letters, digits, '.', '_' and '-'",
    r"^\d+(Mi|Gi)$": "write an amount of memory such as 512Mi",
}
"""The remedy for each pattern of a configuration file or a setting, so that no operator has to read a pattern."""

DATE = "not a date; write 2025-01-15"
INSTANT = "not an instant; write it with its zone, such as 2025-01-15T10:00:00-05:00"
_QUOTED = re.compile(r"'([^']*)'")
_INTEGER = "not a whole number; write digits alone, such as 5"
_NUMBER = "not a number; write digits without a unit, such as 30"
_FLAG = "not a boolean; write true or false"
_KEYS = "not a mapping; write its keys and their values"
_LIST = "not a list; write its items in [ ] or each behind '- '"
_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), DATE),
    "date_from_datetime_inexact": DATE,
    **dict.fromkeys(("datetime_type", "datetime_parsing", "datetime_from_date_parsing"), INSTANT),
    "timezone_aware": INSTANT,
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _INTEGER),
    **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _FLAG),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type", "mapping_type"), _KEYS),
    **dict.fromkeys(("list_type", "tuple_type", "iterable_type"), _LIST),
    "string_type": "not text; put it in quotes",
}


def describe(item: ErrorDetails) -> str:
    """Describe a fault that pydantic found, and what to write instead."""
    kind, context = item["type"], item.get("ctx", {})
    if kind == "string_pattern_mismatch":
        remedy = PATTERNS.get(context["pattern"])
        return f"wrong format; {remedy}" if remedy else item["msg"]
    if kind in ("literal_error", "enum"):
        return _not_one_of(item["input"], context["expected"])
    if kind == "union_tag_invalid":
        return _not_one_of(context["tag"], context["expected_tags"])
    if kind in ("string_too_short", "too_short") and context["min_length"] == 1:
        return "empty; write a value"
    return _WORDS.get(kind) or item["msg"].removeprefix("Value error, ")


def tag_key(item: ErrorDetails) -> str | None:
    """Return the discriminator key of a union, for a fault of that key; None for any other fault."""
    if not item["type"].startswith("union_tag_"):
        return None
    return str(item["ctx"]["discriminator"]).strip("'")


def _not_one_of(value: object, expected: str) -> str:
    choices = _QUOTED.findall(expected)
    # A literal that is no text, such as a format's version, has no quotes.
    if not choices:
        return f"unknown value; write {expected}"
    suggestion = did_you_mean(value, choices) if isinstance(value, str) else ""
    return f"unknown value; use one of {', '.join(choices)}{f'; {suggestion}' if suggestion else ''}"
