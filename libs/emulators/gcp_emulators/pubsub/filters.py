"""The subscription filter language: a text over a message's attributes, parsed once into a predicate.

Source: "Filter messages from a subscription", https://cloud.google.com/pubsub/docs/subscription-message-filter.
Conditions are `attributes:KEY`, `attributes.KEY = "v"`, `attributes.KEY != "v"` and `hasPrefix(attributes.KEY, "p")`,
joined by AND, OR, NOT (or `-`) in capitals, and parentheses; a key with other characters than letters, digits, `_` and
`-` is a string literal. AND and OR side by side need parentheses. A message without the key satisfies `!=`, as in
Google's own test server for Go (pstest). This parser refuses syntax that the page does not specify, so that the service
accepts every filter accepted here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

MAX_FILTER_BYTES = 256

Predicate = Callable[[Mapping[str, str]], bool]
"""Whether a message with these attributes is delivered."""


class FilterError(ValueError):
    """The text is not a filter; the message names the expected token and the character."""


def parse(text: str) -> Predicate:
    """Return a filter's predicate; the empty filter matches every message.

    Raises FilterError for a text that is not in the language or is longer than 256 bytes.
    """
    if len(text.encode()) > MAX_FILTER_BYTES:
        raise FilterError(f"the filter is longer than {MAX_FILTER_BYTES} bytes")
    if not text:
        return _everything
    parser = _Parser(list(_tokens(text)))
    predicate = parser.expression()
    parser.expect("end")
    return predicate


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """`word`, `string`, `end`, or the operator itself."""
    text: str
    at: int


_LEXEME = re.compile(
    r"""(?P<space>\s+)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<word>[A-Za-z0-9_][A-Za-z0-9_-]*)|(?P<op>!=|[=:.,()-])""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"} | {
    character: character for character in "\\\"'?`"
}


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        match = _LEXEME.match(text, at)
        if match is None:
            raise FilterError(f"unexpected {text[at]!r} at character {at}")
        if match["string"] is not None:
            yield _Token("string", _unescape(match["string"][1:-1], at), at)
        elif match["word"] is not None:
            yield _Token("word", match["word"], at)
        elif match["op"] is not None:
            yield _Token(match["op"], match["op"], at)
        at = match.end()
    yield _Token("end", "the end", at)


def _unescape(body: str, at: int) -> str:
    def replace(match: re.Match[str]) -> str:
        hexadecimal = match[1] or match[2] or match[3]
        if hexadecimal or match[4]:
            code = int(hexadecimal, 16) if hexadecimal else int(match[4], 8)
            # chr() accepts surrogates, which no message's attribute can contain.
            if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
                raise FilterError(f"{match[0]} in the string at character {at} is not a character")
            return chr(code)
        if match[5] not in _SIMPLE_ESCAPES:
            raise FilterError(f"unknown escape {match[0]} in the string at character {at}")
        return _SIMPLE_ESCAPES[match[5]]

    return _ESCAPE.sub(replace, body)


class _Parser:
    """Recursive descent; the length limit bounds its depth."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0

    @property
    def _current(self) -> _Token:
        return self._tokens[self._next]

    def expect(self, kind: str, text: str | None = None) -> _Token:
        token = self._current
        if token.kind != kind or (text is not None and token.text != text):
            raise FilterError(f"expected {text or kind} at character {token.at}, found {token.text!r}")
        self._next += 1
        return token

    def _accept(self, kind: str, text: str) -> bool:
        found = self._current.kind == kind and self._current.text == text
        self._next += found
        return found

    def expression(self) -> Predicate:
        terms = [self._term()]
        joined_by = ""
        while self._current.kind == "word" and self._current.text in ("AND", "OR"):
            operator = self._current
            # The language has no precedence between AND and OR, so mixing them is an error.
            if joined_by and operator.text != joined_by:
                raise FilterError(f"AND and OR need parentheses to be combined, at character {operator.at}")
            joined_by = operator.text
            self._next += 1
            terms.append(self._term())
        if len(terms) == 1:
            return terms[0]
        return _any_of(terms) if joined_by == "OR" else _all_of(terms)

    def _term(self) -> Predicate:
        if self._accept("word", "NOT") or self._accept("-", "-"):
            return _not(self._factor())
        return self._factor()

    def _factor(self) -> Predicate:
        if self._accept("(", "("):
            inner = self.expression()
            self.expect(")")
            return inner
        if self._accept("word", "hasPrefix"):
            self.expect("(")
            self.expect("word", "attributes")
            self.expect(".")
            key = self._key()
            self.expect(",")
            prefix = self.expect("string").text
            self.expect(")")
            return lambda attributes: key in attributes and attributes[key].startswith(prefix)
        self.expect("word", "attributes")
        if self._accept(":", ":"):
            key = self._key()
            return lambda attributes: key in attributes
        self.expect(".")
        return self._comparison(self._key())

    def _comparison(self, key: str) -> Predicate:
        negated = self._accept("!=", "!=")
        if not negated:
            self.expect("=")
        value = self.expect("string").text
        if negated:
            # True for a missing key too; see the module's docstring.
            return lambda attributes: attributes.get(key) != value
        return lambda attributes: attributes.get(key) == value

    def _key(self) -> str:
        return self.expect("string" if self._current.kind == "string" else "word").text


def _everything(_attributes: Mapping[str, str]) -> bool:
    return True


def _not(predicate: Predicate) -> Predicate:
    return lambda attributes: not predicate(attributes)


def _all_of(predicates: list[Predicate]) -> Predicate:
    return lambda attributes: all(predicate(attributes) for predicate in predicates)


def _any_of(predicates: list[Predicate]) -> Predicate:
    return lambda attributes: any(predicate(attributes) for predicate in predicates)
