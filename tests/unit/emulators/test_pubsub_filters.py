"""Tests of the subscription filter language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcp_emulators.pubsub.filters import FilterError, parse

MESSAGES = {
    "none": {},
    "x": {"a": "x"},
    "xy-b": {"a": "xy", "b": "z"},
    "b": {"b": "q"},
    "ce": {"ce-type": "tipoff.scrape.requested.v1"},
    "empty": {"a": ""},
    "quoted": {"a": 'say "hi"\\'},
    "dotted": {"a.b/c": "1"},
}


@pytest.mark.parametrize(
    ("text", "matching"),
    [
        ("", set(MESSAGES)),
        ("attributes:a", {"x", "xy-b", "empty", "quoted"}),
        ('attributes.a = "x"', {"x"}),
        ('attributes.a="x"', {"x"}),
        ('attributes.a != "x"', set(MESSAGES) - {"x"}),
        ('attributes.a = ""', {"empty"}),
        ('hasPrefix(attributes.a, "x")', {"x", "xy-b"}),
        ('hasPrefix(attributes.a, "")', {"x", "xy-b", "empty", "quoted"}),
        ("attributes:a AND attributes:b", {"xy-b"}),
        ("attributes:a OR attributes:b OR attributes:ce-type", set(MESSAGES) - {"none", "dotted"}),
        ("NOT attributes:a", {"none", "b", "ce", "dotted"}),
        ("-attributes:a", {"none", "b", "ce", "dotted"}),
        ("NOT attributes:a AND attributes:b", {"b"}),
        ("attributes:a AND -attributes:b", {"x", "empty", "quoted"}),
        ("NOT (attributes:a OR attributes:b)", {"none", "ce", "dotted"}),
        ("(attributes:a AND attributes:b) OR attributes:ce-type", {"xy-b", "ce"}),
        ("((attributes:b))", {"xy-b", "b"}),
        ('attributes."ce-type" = "tipoff.scrape.requested.v1"', {"ce"}),
        ('attributes.ce-type = "tipoff.scrape.requested.v1"', {"ce"}),
        ('attributes:"a.b/c"', {"dotted"}),
        (r'attributes.a = "say \"hi\"\\"', {"quoted"}),
        (r'attributes.a = "\x78"', {"x"}),
        (r'attributes.a = "\u0078y"', {"xy-b"}),
        ("attributes:a\n AND\tattributes:b", {"xy-b"}),
    ],
)
def test_a_filter_matches(text: str, matching: set[str]) -> None:
    predicate = parse(text)
    assert {name for name, attributes in MESSAGES.items() if predicate(attributes)} == matching


@pytest.mark.parametrize(
    "text",
    [
        " ",
        "a",
        'a = "x"',
        "attributes",
        "attributes.a",
        "attributes.a = x",
        "attributes.a = 'x'",
        'attributes.a == "x"',
        'attributes.a < "x"',
        'attributes.a = "x',
        r'attributes.a = "\q"',
        r'attributes.a = "\ud800"',
        "attributes:a.b",
        "attributes:*",
        "attributes:a AND",
        "attributes:a and attributes:b",
        "attributes:a attributes:b",
        "AND attributes:a",
        "NOT",
        "NOT NOT attributes:a",
        "()",
        "(attributes:a",
        "attributes:a)",
        "attributes:a AND attributes:b OR attributes:c",
        "attributes:a OR attributes:b AND attributes:c",
        'hasPrefix("a", "b")',
        'hasPrefix(attributes:a, "b")',
        'hasPrefix(attributes.a, "b"',
        "hasPrefix(attributes.a, b)",
        'data = "x"',
        "attributes:" + "a" * 246,
    ],
)
def test_a_text_outside_the_language_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse(text)


def test_filter_error_names_the_position() -> None:
    with pytest.raises(FilterError, match="need parentheses to be combined, at character 30"):
        parse("attributes:a AND attributes:b OR attributes:c")


def test_the_longest_filter_is_accepted() -> None:
    assert parse("attributes:" + "a" * 245)({"a" * 245: ""})


Expression = tuple[str, bool]
ATTRIBUTES = {"a": "x", "b": "xyz", "c-d": ""}
KEYS = st.sampled_from(["a", "b", "c-d", "e"])
VALUES = st.sampled_from(["", "x", "xyz", "z"])


def _conditions() -> st.SearchStrategy[Expression]:
    return st.one_of(
        KEYS.map(lambda key: (f"attributes:{key}", key in ATTRIBUTES)),
        st.tuples(KEYS, VALUES).map(
            lambda kv: (f'attributes.{kv[0]} = "{kv[1]}"', ATTRIBUTES.get(kv[0]) == kv[1])
        ),
        st.tuples(KEYS, VALUES).map(
            lambda kv: (f'attributes."{kv[0]}"!="{kv[1]}"', ATTRIBUTES.get(kv[0]) != kv[1])
        ),
        st.tuples(KEYS, VALUES).map(
            lambda kv: (
                f'hasPrefix(attributes.{kv[0]}, "{kv[1]}")',
                kv[0] in ATTRIBUTES and ATTRIBUTES[kv[0]].startswith(kv[1]),
            )
        ),
    )


def _compound(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        inner.map(lambda e: (f"NOT ({e[0]})", not e[1])),
        inner.map(lambda e: (f"-({e[0]})", not e[1])),
        several.map(lambda es: (" AND ".join(f"({text})" for text, _ in es), all(value for _, value in es))),
        several.map(lambda es: (" OR ".join(f"({text})" for text, _ in es), any(value for _, value in es))),
    )


@given(st.recursive(_conditions(), _compound, max_leaves=4).filter(lambda e: len(e[0]) <= 256))
def test_composed_filter_combines_its_parts(expression: Expression) -> None:
    text, value = expression
    assert parse(text)(ATTRIBUTES) is value


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        predicate = parse(text)
    except FilterError:
        return
    assert predicate({}) in (True, False)


@given(st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cs"]), max_size=40))
def test_any_attribute_value_can_be_matched(value: str) -> None:
    assert parse(f'attributes.a = "{value}"')({"a": value})
