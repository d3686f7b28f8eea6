"""Tests of errors in a fleet's code: one outcome for the request, and one request to the source."""

import sys
from collections.abc import Callable
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.samples import GAME_DATE, NOON, requested
from tests.support.scrapers import spec
from tests.unit.runner.bench import Bench
from tipoff_common.events import FileLanded, ScrapeExecuted
from tipoff_common.outcomes import Failed, FailureKind, NoData, Success
from tipoff_common.testing import MemoryObjects, RecordingBus
from tipoff_scraper_runner.errors import NotPublished, RetryAfter, SourceChanged
from tipoff_scraper_runner.registry import RegisteredScraper, Registry
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

SPEC = spec(secrets=["API_KEY"])
DELIVERIES = 3
LONE = "cut emoji \ud83d"


class Row(Record):
    text: str = "row"


class Unspeakable(Exception):
    """An error whose text cannot be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def retry_after(until: Any) -> Exception:
    """Return a failure with an arbitrary value as the instant to wait for."""
    return RetryAfter("busy", until, "source.example")


def no_edition_before(_parsed: Parsed, _previous: object) -> str:
    return ""


def outcome(
    fetch: Callable[[Http], Any] = lambda _http: Payload(b"{}", "https://source.example/data", "json"),
    parse: Callable[[], Any] = lambda: Parsed(records=[Row()]),
    lost: Callable[[Parsed, Any], Any] = no_edition_before,
) -> ScrapeExecuted:
    """Deliver one request three times to a scraper of these hooks, after a previous edition; return the execution."""
    fetches = []

    def fetch_once(_parameters: ScrapeParameters, http: Http) -> Any:
        fetches.append(1)
        return fetch(http)

    module: Any = SimpleNamespace(
        Parameters=ScrapeParameters, fetch=fetch_once, parse=lambda _body, _parameters: parse(), lost=lost
    )
    data, bus = MemoryObjects("data"), RecordingBus()
    data.put(
        f"{SPEC.output_root}/2025-01-14/0.json",
        b'{"records": [{"text": "x"}]}',
        content_type="application/json",
    )
    registry = Registry({SPEC.name: RegisteredScraper(SPEC, module)})
    bench = Bench(registry, bus=bus, state=MemoryObjects("state"), data=data)
    for _ in range(DELIVERIES):
        bench.run(requested(scraper=SPEC.name))

    assert len(fetches) == 1, "a redelivery asks the source again"
    first, *others = bus.of(ScrapeExecuted)
    assert others == [first] * (DELIVERIES - 1), "one outcome, published once a delivery"
    assert len(bus.of(FileLanded)) == (DELIVERIES if isinstance(first.outcome, Success) else 0)
    return first  # type: ignore[no-any-return]  # the bus holds events of any kind


def failed(executed: ScrapeExecuted) -> Failed:
    assert isinstance(executed.outcome, Failed), executed.outcome
    return executed.outcome


def test_non_json_note_is_refused_when_noted() -> None:
    def fetch(http: Http) -> Payload:
        http.note("season", "2024-25")
        http.note("day", date(2025, 1, 15))  # type: ignore[arg-type]  # as a scraper without a type checker has it
        raise AssertionError("the note was taken")

    executed = outcome(fetch)

    assert failed(executed).kind is FailureKind.INTERNAL
    assert failed(executed).message.startswith(
        "TypeError: note 'day' is a date, which JSON cannot represent; "
    )
    assert executed.data_summary["season"] == "2024-25"


def test_note_is_copied_when_noted() -> None:
    def fetch(http: Http) -> Payload:
        pages: Any = [1]
        http.note("pages", pages)
        pages.append(object())
        return Payload(b"{}", "https://source.example/data", "json")

    assert outcome(fetch).data_summary["pages"] == [1]


def test_error_in_comparison_is_internal_failure_with_payload_path() -> None:
    def lost(_parsed: Parsed, previous: Any) -> str:
        return str({previous})

    executed = outcome(lost=lost)

    assert failed(executed) == Failed(kind=FailureKind.INTERNAL, message="TypeError: unhashable type: 'list'")
    assert str(executed.data_summary["raw_path"]).startswith("gs://data/raw/")


def test_record_with_unpaired_surrogate_is_internal_failure() -> None:
    message = failed(outcome(parse=lambda: Parsed(records=[Row(text=LONE)]))).message
    assert message.startswith("Row: text: ")
    assert "surrogates not allowed" in message
    unchecked = Parsed(records=[Row.model_construct(text=LONE)])
    assert failed(outcome(parse=lambda: unchecked)).kind is FailureKind.INTERNAL


def test_unpaired_surrogate_in_message_is_escaped() -> None:
    def not_published() -> Parsed:
        raise NotPublished(LONE)

    def changed() -> Parsed:
        raise SourceChanged(LONE)

    shown = r"cut emoji \ud83d"
    assert outcome(parse=not_published).outcome == NoData(reason=shown)
    assert failed(outcome(parse=changed)) == Failed(kind=FailureKind.SOURCE_CHANGED, message=shown)
    assert failed(outcome(lost=lambda _parsed, _previous: LONE)).message == shown


def test_system_exit_of_scraper_is_a_failure() -> None:
    assert failed(outcome(lambda _http: sys.exit(3))).message == "SystemExit: 3"
    assert failed(outcome(parse=lambda: sys.exit("no"))).message == "SystemExit: no"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Unspeakable(), "Unspeakable cannot be converted to an outcome: RuntimeError"),
        (retry_after("noon"), "RetryAfter cannot be converted to an outcome: Failed: not_before: "),
    ],
)
def test_unconvertible_error_is_reported_by_its_class(error: Exception, message: str) -> None:
    def fetch(_http: Http) -> Payload:
        raise error

    assert failed(outcome(fetch)).message.startswith(message)


@pytest.mark.parametrize(
    "payload",
    [
        None,
        b"{}",
        Payload("{}", "https://source.example", "json"),  # type: ignore[arg-type]
        Payload(b"{}", None, "json"),  # type: ignore[arg-type]
        Payload(b"{}", "https://source.example", "../json"),
        Payload(b"{}", "https://source.example", LONE),
    ],
)
def test_unstorable_payload_is_internal_failure(payload: Any) -> None:
    assert failed(outcome(lambda _http: payload)).kind is FailureKind.INTERNAL


def test_secret_in_summary_tuple_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "Zq7Xw9Kp2Jv5")
    echoed: Any = {"asked": ("Zq7Xw9Kp2Jv5", {1: "Zq7Xw9Kp2Jv5"})}
    summary = outcome(parse=lambda: Parsed(records=[Row()], summary=echoed)).data_summary
    assert summary["asked"] == ["***", {"1": "***"}]


TEXTS = st.sampled_from(["", "x", LONE, "\udcff", "\x00", "x" * 5000]) | st.text(
    st.characters(exclude_categories=()), max_size=5
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
ODD = PLAIN | st.sampled_from(
    [
        b"bytes",
        date(2025, 1, 15),
        NOON,
        (1, LONE),
        {1: 2},
        [LONE],
        {"x"},
        Row(),
        object,
        10**400,
    ]
)
ANYTHING = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2), max_leaves=4
)
ERRORS: st.SearchStrategy[BaseException] = st.one_of(
    st.builds(
        lambda kind, text: kind(text),
        st.sampled_from(
            [NotPublished, SourceChanged, ValueError, KeyError, OSError, MemoryError, SystemExit]
        ),
        TEXTS,
    ),
    st.builds(retry_after, ANYTHING),
    st.builds(Unspeakable),
)
PAYLOADS = st.builds(
    Payload,
    body=st.just(b"{}") | ANYTHING,
    url=st.just("https://source.example") | ANYTHING,
    suffix=st.just("json") | ANYTHING,
)
SOME_RECORDS = st.just([Row()]) | st.just([Row.model_construct(text=LONE)]) | ANYTHING
PARSED = st.builds(
    lambda fields: Parsed(**{"records": [Row()], **fields}),
    st.fixed_dictionaries(
        {},
        optional={
            "records": SOME_RECORDS,
            "summary": ANYTHING,
            "empty_reason": ANYTHING,
            "about": ANYTHING,
            "fan_out": ANYTHING,
            "set_aside": ANYTHING,
            "contradictions": ANYTHING,
            "suspect": ANYTHING,
            "games_listed": ANYTHING,
            "slate": ANYTHING,
        },
    ),
)


def returning(value: object) -> Any:
    """Return a hook that returns the value, or raises it if it is an error."""

    def hook(*_arguments: object) -> object:
        if isinstance(value, BaseException):
            raise value
        return value

    return hook


@settings(max_examples=examples(150), deadline=None)
@given(
    note=st.none() | st.tuples(TEXTS, ANYTHING),
    fetched=st.just(Payload(b"{}", "https://source.example", "json")) | PAYLOADS | ERRORS | ANYTHING,
    parsed=st.just(Parsed(records=[Row()])) | PARSED | ERRORS | ANYTHING,
    lost=st.just("") | TEXTS | ERRORS | ANYTHING,
)
def test_arbitrary_scraper_hooks_give_a_single_outcome(
    note: Any, fetched: object, parsed: object, lost: object
) -> None:
    def fetch(http: Http) -> object:
        if note is not None:
            http.note(*note)
        return returning(fetched)()

    executed = outcome(fetch, returning(parsed), returning(lost))

    assert executed.game_date == GAME_DATE
    executed.model_dump_json()
