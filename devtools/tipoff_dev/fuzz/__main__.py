"""A fuzzer that feeds every parser of the fleet nearly valid documents, and reports violations of the rules below.

    python -m tipoff_dev.fuzz --minutes 60 [--seeds FOLDER] [--out FOLDER] [--seed N] [--scraper NAME ...]

Every payload ends as success, as no data, or as failed because it cannot be decoded or the source has changed. It stays
within its limits of time and memory. A success writes JSON whose records obey the laws of their kind, except those that
data_summary names as broken. Each violation is a find: Hypothesis shrinks its input, and the fuzzer prints the find and
stores the input in `--out`.

Documents derive from those of the fake sources and from `--seeds`, a folder of real documents:
`<scraper>/<any name>.json` or `.pdf`, with the parameters of each by file name in `<scraper>/parameters.json`.
Exit code 1 when there are finds.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure, HypothesisWarning

from scrapers.nbacom.pdf_text import PageText, read_pages
from tipoff_common.catalog import ScraperSpec
from tipoff_common.events import ScrapeExecuted, Source
from tipoff_common.outcomes import Failed, FailureKind, Success
from tipoff_common.rows import execution_row
from tipoff_common.testing import MemoryObjects
from tipoff_dev.fuzz.documents import nearly_json, nearly_pages, nearly_pdf
from tipoff_dev.fuzz.payloads import parameters_of, payload_of
from tipoff_scraper_runner.cli import SCRAPERS_DIR
from tipoff_scraper_runner.execution import execute
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.judgement import MAX_TEXT
from tipoff_scraper_runner.manual import manual_request
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.registry import RegisteredScraper, load_registry
from tipoff_scraper_runner.saved_payload import SavedPayload

SECONDS, MEGABYTES = 20.0, 300.0
"""Limits for one payload; memory is the rise of the process's peak."""
ADDRESS_SPACE = 4_000_000_000
NOW = datetime(2025, 1, 16, 5, 0, tzinfo=UTC)
RIGHT_KINDS = frozenset({FailureKind.DECODE, FailureKind.SOURCE_CHANGED})
_ROUND = settings(
    max_examples=25,
    database=None,
    report_multiple_bugs=False,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
"""Settings of one round: the inputs of one scraper before the turn of the next."""


@dataclass(frozen=True)
class Seed:
    """A valid document."""

    name: str
    parameters: Mapping[str, str]
    body: bytes
    parsed: Any
    """The document's JSON value, or the words of its pages."""

    @property
    def pdf(self) -> bool:
        """Whether the seed is a PDF."""
        return self.body.startswith(b"%PDF")


@dataclass(frozen=True)
class Input:
    """A document for a parser."""

    body: bytes
    pages: Sequence[PageText] | None = None
    """The words that replace those of the PDF's pages."""

    @property
    def kept(self) -> bytes:
        """The input as it is stored in `--out` for a find."""
        return self.body if self.pages is None else repr(self.pages).encode()


class TooSlow(BaseException):
    """A timeout. Not an Exception, so that no handler takes it for one of the payload's errors."""


class Traces(logging.Handler):
    """A handler that keeps the last unexpected error in the runner's log."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Replace the error by that of `record`."""
        self.last = getattr(record, "exception", record.getMessage())


def seeds_of(scraper: RegisteredScraper, folder: Path | None) -> list[Seed]:
    """Return a scraper's seeds: the fake's document, and the real ones in `folder`."""
    given = parameters_of(scraper)
    served = payload_of(scraper, scraper.module.Parameters.model_validate(given))
    found = [_seed("fake", given, served)]
    own = folder / scraper.spec.name if folder else None
    if own is not None and own.is_dir():
        known = own / "parameters.json"
        parameters = json.loads(known.read_text()) if known.exists() else {}
        for file in sorted(own.iterdir()):
            if file != known:
                own_parameters = {**given, **parameters.get(file.name, {})}
                found.append(_seed(file.name, own_parameters, file.read_bytes()))
    return found


def _seed(name: str, parameters: Mapping[str, str], body: bytes) -> Seed:
    parsed = read_pages(body) if body.startswith(b"%PDF") else json.loads(body)
    return Seed(name, parameters, body, parsed)


def inputs(seeds: Sequence[Seed]) -> st.SearchStrategy[tuple[Seed, Input]]:
    """Return a strategy of slightly changed copies of these documents."""
    return st.sampled_from(seeds).flatmap(lambda right: st.tuples(st.just(right), _near(right)))


def _near(right: Seed) -> st.SearchStrategy[Input]:
    if not right.pdf:
        return nearly_json(right.parsed).map(Input)
    words = nearly_pages(right.parsed).map(lambda pages: Input(right.body, pages))
    # For three quarters of the PDFs only the words change, because parsing a file takes long.
    return st.one_of(words, words, words, nearly_pdf(right.body).map(Input))


def judge(
    scraper: RegisteredScraper, parameters: Mapping[str, str], given: Input, traces: Traces
) -> Iterator[str]:
    """Run one input; yield the name of its outcome, then each find."""
    request = manual_request(scraper, dict(parameters), source=Source.LOCAL, triggered_by="fuzz", now=NOW)
    data = MemoryObjects("data")
    module: Any = scraper.module
    own_read_pages = getattr(module, "read_pages", None)
    if given.pages is not None:
        module.read_pages = lambda _: given.pages
    traces.last = ""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        executed = execute(
            request,
            scraper,
            environment="local",
            now=NOW,
            open_http=_no_source,
            data=data,
            saved=SavedPayload(given.body, dated=True),
        ).executed
    except TooSlow:
        signal.setitimer(signal.ITIMER_REAL, 0)
        yield "too slow"
        yield f"over {SECONDS} s at {_place(traceback.format_exc())}"
        return
    except Exception:  # noqa: BLE001  # any exception is a find
        signal.setitimer(signal.ITIMER_REAL, 0)
        yield "raised"
        yield f"the runner raised at {_place(traceback.format_exc())}"
        return
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if own_read_pages is not None:
            module.read_pages = own_read_pages
    outcome = executed.outcome
    yield f"failed/{outcome.kind}" if isinstance(outcome, Failed) else outcome.status.value
    if isinstance(outcome, Failed):
        if outcome.kind not in RIGHT_KINDS:
            yield f"failed/{outcome.kind}: {_place(traces.last) if traces.last else outcome.message[:150]}"
        if len(outcome.message) > 2 * MAX_TEXT:
            yield "a message without end"
    try:
        executed.model_dump_json().encode()
        json.dumps(execution_row(executed, NOW), default=str).encode()
        json.dumps(executed.model_dump(mode="json"), allow_nan=False)
    except ValueError as error:
        yield f"the execution is not an event: {type(error).__name__}"
    if isinstance(outcome, Success):
        written = [body for name, body in data.bodies.items() if not name.startswith(("raw/", "journal/"))]
        yield from broken_by(written[0], executed)


def _no_source(spec: ScraperSpec, now: datetime, _replaying: bool) -> HttpxHttp:
    """Return a client that refuses every request: with a saved payload no request may be sent."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"{request.url} was requested")

    return HttpxHttp(spec, now, Pacer(), environ={}, transport=httpx.MockTransport(refuse))


def broken_by(body: bytes, executed: ScrapeExecuted) -> Iterator[str]:
    """Yield the laws that the written records break and data_summary does not report."""
    try:
        records = json.loads(body, parse_constant=_refused)["records"]
    except ValueError:
        yield "the records are not JSON: NaN or an infinity"
        return
    if len({json.dumps(record, sort_keys=True) for record in records}) < len(records):
        yield "a record is repeated"
    summary: Mapping[str, Any] = executed.data_summary
    completeness = summary.get("completeness")
    if completeness is not None and (
        not 0 <= completeness["got"] <= completeness["expected"]
        or len(completeness["missing"]) != completeness["expected"] - completeness["got"]
    ):
        yield "completeness does not add up"
    # A player who is set aside is missing from the totals, too.
    if not summary.get("broken_laws") and not summary.get("set_aside"):
        yield from sorted(set(_impossible(records)))


def _refused(constant: str) -> Any:
    raise ValueError(constant)


def _impossible(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    minutes: Counter[str] = Counter()
    for record in records:
        for name, value in record.items():
            if name.endswith("_attempted") and (record[name.replace("_attempted", "_made")] or 0) > (
                value or 0
            ):
                yield f"more {name.replace('_attempted', '_made')} than {name}"
            counted = (
                name in ("points", "assists", "steals", "blocks") or "score" in name or "seconds" in name
            )
            if counted and isinstance(value, int | float) and value < 0:
                yield f"{name} is negative"
            if (
                name in ("team", "home_team", "away_team", "player_name")
                and value is not None
                and not value.strip()
            ):
                yield f"{name} is blank"
        if _is_player_record(record):
            minutes[record["team"]] += record["seconds_played"] / 60
    for played in minutes.values():
        if round(played) < 240 or (round(played) - 240) % 25:
            yield "a team's minutes do not add up to a game"


class Found(Exception):
    """A find with its input. Hypothesis raises the last one, which has the smallest input."""

    def __init__(self, find: str, source: Seed, given: Input) -> None:
        super().__init__(find)
        self.find, self.source, self.given = find, source, given


class InputSearch:
    """The inputs of one scraper, with counts of inputs, outcomes and finds."""

    def __init__(self, scraper: RegisteredScraper, seeds: Sequence[Seed], traces: Traces) -> None:
        self._scraper, self._inputs, self._traces = scraper, inputs(seeds), traces
        self.inputs = 0
        self.slowest = 0.0
        """Seconds of the slowest input."""
        self.widest = 0.0
        """Megabytes of the input with the highest rise in memory."""
        self.ends: Counter[str] = Counter()
        self.finds: Counter[str] = Counter()
        self._reported: set[str] = set()

    def round(self, number: int) -> Found | None:
        """Try the inputs for `number`; return a find that no earlier round returned, with its smallest input.

        Other finds on the way stay unreported, so that a later round returns them with their input.
        """
        known = frozenset(self._reported)

        @seed(number)
        @_ROUND
        @given(self._inputs)
        def run(drawn: tuple[Seed, Input]) -> None:
            self._try(*drawn, known)

        found: Found | None = None
        try:
            run()
        except Found as smallest:
            found = smallest
        except FlakyFailure as once:  # a slow input may be faster when Hypothesis repeats it
            found = next((it for it in once.exceptions if isinstance(it, Found)), None)
        if found is not None:
            self._reported.add(found.find)
        return found

    def _try(self, source: Seed, drawn: Input, known: frozenset[str]) -> None:
        """Run one input. Raises Found for the first find that is not in `known`."""
        before, started = _reset_peak(), time.monotonic()
        end, *found = judge(self._scraper, source.parameters, drawn, self._traces)
        taken, risen = time.monotonic() - started, _peak_megabytes() - before
        if risen > MEGABYTES:
            found.append(f"took {MEGABYTES} MB more")
        self.inputs += 1
        self.ends[end] += 1
        self.slowest, self.widest = max(self.slowest, taken), max(self.widest, risen)
        self.finds.update(found)
        for find in found:
            if find not in known:
                raise Found(find, source, drawn)


def _with_minimum_of_one(scraper: RegisteredScraper) -> RegisteredScraper:
    """Return the scraper with a minimum of one record, so that shortened documents do not fail for their length."""
    spec = scraper.spec
    any_length = spec.assertions.model_copy(update={"min": 1})
    return replace(scraper, spec=spec.model_copy(update={"assertions": any_length}))


def _is_player_record(record: Mapping[str, Any]) -> bool:
    return "seconds_played" in record and not {"player_name", "person_id"}.isdisjoint(record)


def _place(trace: str) -> str:
    """Return the error and the innermost line of the runner or a scraper."""
    lines = trace.strip().splitlines()
    at = [line.strip() for line in lines if line.strip().startswith("File")]
    ours = [line for line in at if "services/scraper-runner" in line]
    nearest = ours[-1].split("scraper-runner/")[-1] if ours else (at[-1] if at else "")
    # Without the position in the document, which differs between inputs with the same find.
    return f"{nearest} | {lines[-1].partition(' in position')[0][:110]}" if lines else "nowhere"


def _peak_megabytes() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    return 0.0


def _reset_peak() -> float:
    """Reset the process's peak to its current memory; return that in megabytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak_megabytes()


def _alarm(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlow


def main() -> int:
    """Fuzz the parsers; return the exit code."""
    parser = argparse.ArgumentParser(description="Fuzzes the parsers.")
    parser.add_argument("--minutes", type=float, default=1.0, help="total time of all parsers")
    parser.add_argument("--seeds", type=Path, help="a folder of real documents; see the module's docstring")
    parser.add_argument("--out", type=Path, help="folder for the payloads of finds")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random generator")
    parser.add_argument("--scraper", action="append", default=[], help="only this scraper; may be repeated")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    signal.signal(signal.SIGALRM, _alarm)
    logging.getLogger("pdfminer").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore", HypothesisWarning)  # about failing inputs that are too long to print
    traces = Traces()
    runner = logging.getLogger("tipoff_scraper_runner")
    runner.addHandler(traces)
    runner.propagate = False
    fleet = {name: _with_minimum_of_one(scraper) for name, scraper in load_registry(SCRAPERS_DIR).items()}
    names = options.scraper or list(fleet)
    searches = {
        name: InputSearch(fleet[name], seeds_of(fleet[name], options.seeds), traces) for name in names
    }
    turns = ((number, name) for number in count(options.seed) for name in names)
    until = time.monotonic() + options.minutes * 60
    while time.monotonic() < until:
        number, name = next(turns)
        if (found := searches[name].round(number)) is not None:
            print(f"{name}-{number} from {found.source.name}: {found.find}", flush=True)
            if options.out is not None:
                options.out.mkdir(parents=True, exist_ok=True)
                (options.out / f"{name}-{number}.input").write_bytes(found.given.kept)
    for name, search in searches.items():
        spent = f"slowest {search.slowest:.2f} s, +{search.widest:.0f} MB"
        print(f"{name:28} {search.inputs:8} inputs, {spent}, {dict(search.ends)}")
        for find, times in search.finds.most_common():
            print(f"FIND {times:6} x {name}: {find}")
    return 1 if any(search.finds for search in searches.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
