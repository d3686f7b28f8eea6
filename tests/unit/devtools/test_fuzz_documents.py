"""Tests of generated documents: nearly valid, and wrong in every intended way."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import pytest
from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import SearchStrategy

from scrapers.nbacom.pdf_text import PageText, RuledLine, Word
from tipoff_cli.checkout import SCRAPERS
from tipoff_dev.fuzz import __main__ as fuzzer
from tipoff_dev.fuzz.documents import nearly_json, nearly_pages, nearly_pdf

Document = TypeVar("Document")
DOCUMENT = {
    "games": [{"id": n, "home": "PHI", "made": 3, "attempted": 5} for n in range(6)],
    "day": "2025-01-15",
}
PAGE = PageText(
    [Word("Joel", 10, 30, 100, 110), Word("Embiid", 35, 60, 100, 110), Word("Out", 10, 30, 120, 130)],
    [RuledLine(0, 500, 115)],
)
# Hypothesis warns that the representation of a document's strategy is long.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
ENOUGH = settings(max_examples=5000, derandomize=True, database=None, phases=(Phase.generate,), deadline=None)


def parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
    except RecursionError:  # valid, but nested deeper than the parser's limit
        return {}


def games(body: bytes) -> list[Any]:
    document = parsed(body)
    found = document.get("games") if isinstance(document, dict) else None
    return [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []


def found_ways(
    documents: SearchStrategy[Document], ways: Mapping[str, Callable[[Document], bool]]
) -> set[str]:
    """Draw documents until every way of being wrong is found or the limit is reached; return the ways found."""
    found = set[str]()

    def note(document: Document) -> bool:
        found.update(name for name, is_wrong in ways.items() if is_wrong(document))
        return found == ways.keys()

    with suppress(NoSuchExample):
        find(documents, note, settings=ENOUGH)
    return found


def test_documents_are_wrong_in_every_intended_way() -> None:
    ways: dict[str, Callable[[bytes], bool]] = {
        "no JSON": lambda body: parsed(body) is None,
        "unpaired surrogate": lambda body: b"\\ud800" in body,
        "no number": lambda body: b"1e999" in body or b"NaN" in body,
        "repeated": lambda body: len(games(body)) > 6,
        "dropped": lambda body: len(games(body)) == 5,
        "a field less": lambda body: any("home" not in it for it in games(body)),
        "negative": lambda body: any(it.get(name) in (-3, -5) for it in games(body) for name in it),
        "one off": lambda body: any(it.get("attempted") in (4, 6) for it in games(body)),
    }
    assert found_ways(nearly_json(DOCUMENT), ways) == ways.keys()


def test_pages_are_wrong_in_every_intended_way() -> None:
    ways: dict[str, Callable[[list[PageText]], bool]] = {
        "a page twice": lambda pages: len(pages) == 2,
        "a line less": lambda pages: [word.text for page in pages for word in page.words] == ["Out"],
        "a word elsewhere": lambda pages: any(word.x0 > 1000 for page in pages for word in page.words),
        "no rule": lambda pages: pages == [PageText(PAGE.words, [])],
    }
    assert found_ways(nearly_pages([PAGE]), ways) == ways.keys()


def test_generated_pdf_may_lose_an_object() -> None:
    body = b"%PDF-1.4\n1 0 obj\n<</Type /Page>>\nendobj\n2 0 obj\n<</Length 5>>\nendobj\n%%EOF"
    lost = b"%PDF-1.4\n1 0 obj\n<</Type /Page>>\nendobj\n%%EOF"
    assert find(nearly_pdf(body), lambda changed: changed == lost, settings=ENOUGH) == lost


def test_find_discovered_during_shrinking_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that is being shrunk may show another fault than the original one."""

    def judge(_scraper: object, _parameters: object, given: fuzzer.Input, _traces: object) -> Iterator[str]:
        yield "success"
        if len(given.body) >= 10:
            yield "small" if len(given.body) < len(body) // 2 else "large"

    body = json.dumps(DOCUMENT).encode()
    monkeypatch.setattr(fuzzer, "judge", judge)
    scraper = fuzzer.load_registry(SCRAPERS)["nbac_schedule"]
    search = fuzzer.InputSearch(scraper, [fuzzer.Seed("s", {}, body, DOCUMENT)], fuzzer.Traces())
    rounds = [search.round(number) for number in range(8)]
    assert sorted(found.find for found in rounds if found is not None) == ["large", "small"]
    assert set(search.finds) == {"large", "small"}
