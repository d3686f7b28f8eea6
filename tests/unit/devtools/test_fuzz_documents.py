"""Documents that are nearly right are wrong in every way that they are meant to be."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import Phase, find, settings

from scrapers.nbacom.pdf_text import PageText, RuledLine, Word
from tipoff_cli.checkout import SCRAPERS
from tipoff_dev.fuzz import __main__ as fuzzer
from tipoff_dev.fuzz.documents import nearly_json, nearly_pages, nearly_pdf

DOCUMENT = {
    "games": [{"id": n, "home": "PHI", "made": 3, "attempted": 5} for n in range(6)],
    "day": "2025-01-15",
}
PAGE = PageText(
    [Word("Joel", 10, 30, 100, 110), Word("Embiid", 35, 60, 100, 110), Word("Out", 10, 30, 120, 130)],
    [RuledLine(0, 500, 115)],
)
# A strategy of a document is long to write down, which Hypothesis warns of.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
ENOUGH = settings(max_examples=5000, derandomize=True, database=None, phases=(Phase.generate,), deadline=None)


def parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def games(body: bytes) -> list[Any]:
    document = parsed(body)
    found = document.get("games") if isinstance(document, dict) else None
    return [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []


@pytest.mark.parametrize(
    "wrong",
    [
        lambda body: parsed(body) is None,
        lambda body: b"\\ud800" in body,
        lambda body: b"1e999" in body or b"NaN" in body,
        lambda body: len(games(body)) > 6,
        lambda body: len(games(body)) == 5,
        lambda body: any("home" not in it for it in games(body)),
        lambda body: any(it.get(name) in (-3, -5) for it in games(body) for name in it),
        lambda body: any(it.get("attempted") in (4, 6) for it in games(body)),
    ],
    ids=[
        "no JSON",
        "half a character",
        "no number",
        "repeated",
        "dropped",
        "a field less",
        "negative",
        "one off",
    ],
)
def test_a_document_is_wrong_in_one_of_these_ways(wrong: Callable[[bytes], bool]) -> None:
    assert wrong(find(nearly_json(DOCUMENT), wrong, settings=ENOUGH))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda pages: len(pages) == 2,
        lambda pages: [word.text for page in pages for word in page.words] == ["Out"],
        lambda pages: any(word.x0 > 1000 for page in pages for word in page.words),
        lambda pages: pages == [PageText(PAGE.words, [])],
    ],
    ids=["a page twice", "a line less", "a word elsewhere", "no rule"],
)
def test_pages_are_wrong_in_one_of_these_ways(wrong: Callable[[list[PageText]], bool]) -> None:
    assert wrong(find(nearly_pages([PAGE]), wrong, settings=ENOUGH))


def test_a_file_loses_an_object() -> None:
    body = b"%PDF-1.4\n1 0 obj\n<</Type /Page>>\nendobj\n2 0 obj\n<</Length 5>>\nendobj\n%%EOF"
    lost = b"%PDF-1.4\n1 0 obj\n<</Type /Page>>\nendobj\n%%EOF"
    assert find(nearly_pdf(body), lambda changed: changed == lost, settings=ENOUGH) == lost


def test_what_is_found_on_the_way_to_another_find_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a document is made smaller, it may show another fault than the one that it was kept for."""

    def judge(_scraper: object, _parameters: object, given: fuzzer.Input, _traces: object) -> Iterator[str]:
        yield "success"
        if len(given.body) >= 10:
            yield "small" if len(given.body) < len(body) // 2 else "large"

    body = json.dumps(DOCUMENT).encode()
    monkeypatch.setattr(fuzzer, "judge", judge)
    scraper = fuzzer.load_registry(SCRAPERS)["nbac_schedule"]
    search = fuzzer.Search(scraper, [fuzzer.Seed("s", {}, body, DOCUMENT)], fuzzer.Traces())
    rounds = [search.round(number) for number in range(8)]
    assert sorted(found.find for found in rounds if found is not None) == ["large", "small"]
    assert set(search.finds) == {"large", "small"}
