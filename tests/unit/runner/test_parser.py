"""Tests of the parser process: bounded resources for a payload, and a service that survives every payload."""

import importlib
import io
import json
import logging
import os
import time
import zlib
from base64 import a85encode
from collections.abc import Iterator
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import GAME_DATE
from tests.support.scrapers import spec
from tipoff_common.clock import ZONE_VARIABLE, fleet_zone
from tipoff_common.logs import JsonFormatter, log_context
from tipoff_common.ports import Overloaded
from tipoff_scraper_runner.errors import NotPublished, SourceChanged, TooCostly, Undecodable, Unforeseen
from tipoff_scraper_runner.parser import Limits, ParserProcess, is_harmless
from tipoff_scraper_runner.registry import RegisteredScraper
from tipoff_scraper_runner.scraper import Parsed, ScrapeParameters

MIB = 1024 * 1024
LIMITS = Limits(memory_bytes=64 * MIB, cpu_seconds=1, result_bytes=1 * MIB, patience_seconds=60)

CODE = """
import logging, os, sys, time
from datetime import UTC, datetime
from tipoff_common.clock import business_date
from tipoff_scraper_runner.errors import NotPublished, SourceChanged
from tipoff_scraper_runner.scraper import Parsed, Record, ScrapeParameters

class Row(Record):
    text: str

class Parameters(ScrapeParameters):
    pass

def parse(payload, parameters):
    what = payload.decode().removeprefix("[")  # with which it may pass for JSON
    log = logging.getLogger("costly_scraper")
    if what.startswith("log"):
        log.info("a line before", extra={"rows": 3})
        log.debug("not for anybody")
        try:
            raise KeyError("homeTeam")
        except KeyError:
            log.warning("odd row, key=%s", "s3cret", exc_info=True)
        what = what.removeprefix("log ")
    if what == "misprint":
        log.info("%d rows", "a")
        log.info("and on it goes")
    if what == "chatter":
        for number in range(5000):
            log.info("row %d %s", number, "x" * 5000)
    if what == "memory":
        kept = []
        while True:
            kept.append(bytes(1024 * 1024))
    if what == "cpu":
        while True:
            pass
    if what == "wait":
        time.sleep(3600)
    if what == "abort":
        os.abort()
    if what == "exit":
        os._exit(0)
    if what == "leave":
        sys.exit(3)
    if what == "records":
        return Parsed(records=[Row(text=f"{number:0100}") for number in range(15_000)])
    if what == "print":
        print("nonsense among the answers", flush=True)
    if what == "changed":
        raise SourceChanged("no such column")
    if what == "not published":
        raise NotPublished("not yet")
    if what == "surprise":
        raise KeyError("homeTeam")
    if what == "local":
        class Strange(Exception):
            def __init__(self, one, two):
                super().__init__(one)
        raise Strange(1, 2)
    if what == "day":
        return Parsed(records=[Row(text=f"{business_date(datetime(2025, 1, 14, 23, 30, tzinfo=UTC))}")])
    if what == "secrets":
        return Parsed(records=[Row(text=",".join(sorted(os.environ)))])
    return Parsed(records=[Row(text=what)], summary={"pid": os.getpid()}, about=parameters.game_date)
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("costly")
    (folder / "costly_scraper.py").write_text(CODE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patching:
        patching.syspath_prepend(str(folder))
        yield importlib.import_module("costly_scraper")


@pytest.fixture(scope="module")
def parser() -> Iterator[ParserProcess]:
    parser = ParserProcess(LIMITS)
    yield parser
    parser.close()


@pytest.fixture(scope="module")
def parse(parser: ParserProcess, module: ModuleType) -> object:
    scraper = RegisteredScraper(spec(), module)  # type: ignore[arg-type]  # a module with the three names

    def parse(what: str) -> object:
        return parser.parse(scraper, what.encode(), ScrapeParameters(game_date=GAME_DATE), apart=True)

    return parse


def test_child_process_returns_parsed_result_unchanged(parse, module: ModuleType) -> None:  # type: ignore[no-untyped-def]
    parsed = parse("hello")
    assert parsed.records == [module.Row(text="hello")]
    assert parsed.about == GAME_DATE
    assert parsed.summary["pid"] != os.getpid()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("memory", f"exceeds {64 * MIB} bytes of memory"),
        ("cpu", "exceeds 1 s of CPU time"),
        ("wait", "exceeds 1 s of CPU time"),
        ("abort", "ended its process"),
        ("records", f"exceeds {1 * MIB} bytes"),
    ],
)
def test_costly_payload_ends_only_its_child_process(parse, what: str, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TooCostly, match=message):
        parse(what)
    assert parse("hello").records


def test_silent_exit_of_child_process_is_an_error(parse) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TooCostly):
        parse("exit")
    assert parse("hello").records


def test_parser_process_killed_while_idle_is_restarted(parse, parser: ParserProcess) -> None:  # type: ignore[no-untyped-def]
    parse("hello")
    assert parser._server is not None
    parser._server.kill()
    assert parse("hello").records


def test_restarted_parser_process_is_reused(
    parse,  # type: ignore[no-untyped-def]
    parser: ParserProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parse("hello")
    lost = parser._server
    assert lost is not None
    lost.kill()
    # The process ends after the check, so that the loss is only found when a job is sent.
    monkeypatch.setattr(lost, "poll", lambda: None)
    parse("hello")
    started_again = parser._server
    assert started_again is not None
    assert started_again is not lost
    assert started_again.poll() is None, "it answered, and was ended all the same"
    parse("hello")
    assert parser._server is started_again


@pytest.mark.parametrize(
    ("what", "kind", "message"),
    [
        ("changed", SourceChanged, "no such column"),
        ("not published", NotPublished, "not yet"),
        ("surprise", Unforeseen, "KeyError: 'homeTeam'"),
        ("local", Unforeseen, "Strange: 1"),
        ("leave", Unforeseen, "SystemExit: 3"),
    ],
)
def test_parser_error_is_raised_in_the_service(parse, what: str, kind: type[Exception], message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(kind, match=message):
        parse(what)


def test_printed_output_does_not_corrupt_the_result(parse) -> None:  # type: ignore[no-untyped-def]
    assert parse("print").records


@pytest.mark.parametrize(
    ("what", "raised"), [("log all right", None), ("log changed", SourceChanged), ("log exit", TooCostly)]
)
def test_child_process_logs_have_run_fields_and_no_secrets(
    parse,  # type: ignore[no-untyped-def]
    what: str,
    raised: type[Exception] | None,
) -> None:
    """This includes lines of a child that crashes afterwards."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter("scraper-runner", "1", "p"))
    logger = logging.getLogger("costly_scraper")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with (
            log_context(lambda text: text.replace("s3cret", "***"), request_id="r-1"),
            pytest.raises(raised) if raised else nullcontext(),
        ):
            parse(what)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["message"], first["rows"], first["request_id"]) == ("a line before", 3, "r-1")
    assert (second["message"], second["severity"], second["request_id"]) == (
        "odd row, key=***",
        "WARNING",
        "r-1",
    )
    assert "KeyError: 'homeTeam'" in second["exception"]


@pytest.mark.parametrize("apart", [False, True], ids=["in the service", "apart"])
def test_malformed_log_call_does_not_fail_the_parse(
    parser: ParserProcess, module: ModuleType, caplog: pytest.LogCaptureFixture, apart: bool
) -> None:
    scraper = RegisteredScraper(spec(), module)  # type: ignore[arg-type]  # a module with the three names
    logger = logging.getLogger("costly_scraper")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    logger.propagate = False  # pytest's handler raises errors that other handlers print
    try:
        with caplog.at_level(logging.INFO, "costly_scraper"):
            parsed = parser.parse(scraper, b"[misprint", ScrapeParameters(game_date=GAME_DATE), apart=apart)
    finally:
        logger.propagate = True
        logger.removeHandler(handler)

    assert parsed.records == [module.Row(text="misprint")]
    assert stream.getvalue() == "and on it goes\n"


def test_excessive_scraper_log_is_truncated(
    parse,  # type: ignore[no-untyped-def]
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "costly_scraper"):
        assert parse("chatter").records[0].text == "chatter"
    assert len(caplog.records) == 200
    assert "(the last of at most" in caplog.messages[-1]
    assert max(map(len, caplog.messages)) < 2200


def test_parser_process_environment_has_no_secret(
    parse, parser: ParserProcess, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("ODDS_API_KEY", "Zq7+Xw9/Kp2=Jv5")
    parser.close()
    (row,) = parse("secrets").records
    assert "ODDS_API_KEY" not in row.text


@pytest.mark.parametrize(
    ("zone", "day"),
    [("Pacific/Auckland", "2025-01-15"), ("America/New_York", "2025-01-14"), (None, "2025-01-14")],
)
@pytest.mark.parametrize("apart", [False, True], ids=["in the service", "apart"])
def test_parse_uses_fleet_zone_in_service_and_child_process(
    parser: ParserProcess,
    module: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    apart: bool,
    zone: str | None,
    day: str,
) -> None:
    if zone is None:
        monkeypatch.delenv(ZONE_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(ZONE_VARIABLE, zone)
    fleet_zone.cache_clear()
    parser.close()  # so that the next process starts with this zone
    scraper = RegisteredScraper(spec(), module)  # type: ignore[arg-type]  # a module with the three names
    try:
        parsed = parser.parse(scraper, b"[day", ScrapeParameters(game_date=GAME_DATE), apart=apart)
    finally:
        fleet_zone.cache_clear()
        parser.close()
    assert parsed.records == [module.Row(text=day)]


def test_unresponsive_parser_process_times_out(module: ModuleType) -> None:
    impatient = ParserProcess(Limits(cpu_seconds=100, patience_seconds=0.5))
    try:
        with pytest.raises(TooCostly, match=r"no answer within 0\.5 s"):
            impatient.parse(
                RegisteredScraper(spec(), module),  # type: ignore[arg-type]
                b"wait",
                ScrapeParameters(game_date=GAME_DATE),
                apart=True,
            )
    finally:
        impatient.close()


def test_payload_that_cannot_start_in_time_is_overloaded(parser: ParserProcess, module: ModuleType) -> None:
    scraper = RegisteredScraper(spec(), module)  # type: ignore[arg-type]  # a module with the three names

    def parse(start_by: float) -> Parsed:
        parameters = ScrapeParameters(game_date=GAME_DATE)
        return parser.parse(scraper, b"hello", parameters, apart=True, start_by=start_by)

    # The lock is held while another payload is parsed.
    with parser._lock:
        for seconds in (-1.0, 0.05):
            with pytest.raises(Overloaded, match="busy with other payloads"):
                parse(time.monotonic() + seconds)
    assert parse(time.monotonic() - 1).records, "an idle process has no queue"
    assert not parser._lock.locked()


def test_both_attempts_share_one_limit_of_time(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease of the request has room for one."""
    limits: list[float] = []

    def exchange(_server: object, _job: bytes, seconds: float) -> bytes:
        limits.append(seconds)
        time.sleep(0.1)
        raise EOFError

    monkeypatch.setattr("tipoff_scraper_runner.parser._exchange", exchange)
    parser = ParserProcess(Limits(patience_seconds=60))
    scraper = RegisteredScraper(spec(), module)  # type: ignore[arg-type]
    try:
        with pytest.raises(TooCostly):
            parser.parse(scraper, b"hello", ScrapeParameters(game_date=GAME_DATE), apart=True)
    finally:
        parser.close()
    first, second = limits
    assert second <= first - 0.1 < 60


DOCUMENTS = st.recursive(
    st.none() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
)


class TestHarmless:
    @given(
        st.recursive(
            st.none() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        )
    )
    def test_ordinary_json_is_harmless(self, document: object) -> None:
        assert is_harmless(json.dumps(document).encode())

    @pytest.mark.parametrize(
        "body",
        [b"[" + b"[]," * 60_000, b"[" * 60_000, b'{"a":' * 60_000, bytes(2 * MIB)],
        ids=["wide", "deep", "deep objects", "long"],
    )
    def test_wide_deep_or_long_document_is_not_harmless(self, body: bytes) -> None:
        assert not is_harmless(body)


@pytest.mark.parametrize(
    ("what", "apart"),
    [
        ("{}", False),
        ('[{"id": 1}]', False),
        ('\ufeff\r\n\t {"id": 1}', False),
        ("[" + "[]," * 60_000, True),
        ('["' + "long" * 300_000 + '"]', True),
        ("%PDF-1.4", True),
        ("[%PDF-1.4 1 0 obj << /Type /Catalog >>", True),
        ("<html><table class=x>" + "<a " * 24_000, True),
        ("[<html><table class=x>" + "<a " * 24_000, True),
        ('["<b>12</b>"]', True),
        ("id,name", True),
        ("PK\x03\x04", True),
        ("", True),
    ],
    ids=[
        "object",
        "list",
        "after a mark and blanks",
        "many values",
        "long",
        "PDF",
        "PDF after a bracket",
        "page",
        "page after a bracket",
        "markup in JSON",
        "CSV",
        "archive",
        "nothing",
    ],
)
def test_only_small_plain_json_is_parsed_in_the_service(module: ModuleType, what: str, apart: bool) -> None:
    """A page of 72 kB kept the service busy for 84 s; the limit is 30 s."""
    parser = ParserProcess(Limits())
    try:
        scraper = RegisteredScraper(spec(), module)  # type: ignore[arg-type]  # a module with the three names
        parsed = parser.parse(scraper, what.encode(), ScrapeParameters(game_date=GAME_DATE))
    finally:
        parser.close()
    assert (parsed.summary["pid"] != os.getpid()) is apart


def run_length(data: bytes) -> bytes:
    """Encode runs of one byte for PDF's RunLengthDecode."""
    return b"".join(bytes([257 - 128, data[0]]) for _ in range(len(data) // 128)) + b"\x80"


def pdf(filters: str, content: bytes) -> bytes:
    """Return a one-page PDF whose content is encoded with `filters`, the outermost first."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R >>",
        b"<< /Filter [%s] /Length %d >>\nstream\n%s\nendstream" % (filters.encode(), len(content), content),
    ]
    body, places = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(body)
    trailer = b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start
    return body + b"xref\n0 5\n0000000000 65535 f \n" + table + trailer


@cache
def blank(megabytes: int) -> bytes:
    """Return this many megabytes of blanks, deflated."""
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(b" " * MIB) for _ in range(megabytes)) + packer.flush()


BOMBS = {
    "Flate in Flate": lambda: pdf("/FlateDecode /FlateDecode", zlib.compress(blank(96))),
    "Flate in ASCIIHex": lambda: pdf("/ASCIIHexDecode /FlateDecode", blank(96).hex().encode() + b">"),
    "Flate in ASCII85": lambda: pdf("/ASCII85Decode /FlateDecode", a85encode(blank(96)) + b"~>"),
    "RunLength in RunLength": lambda: pdf(
        "/FlateDecode /RunLengthDecode", zlib.compress(run_length(b" " * MIB) * 96)
    ),
    "Flate in Flate in Flate": lambda: pdf(
        "/FlateDecode /FlateDecode /FlateDecode", zlib.compress(zlib.compress(blank(96)))
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.parametrize("name", ["nbac_injury_report", "nbac_gamebook_pdf"])
def test_pdf_decompression_bomb_is_a_failure(parser: ParserProcess, name: str, kind: str) -> None:
    """2,246 bytes of PDF took 2.1 GiB and 24 s."""
    scraper = importlib.import_module(f"scrapers.nbacom.{name}.scraper")
    required = {
        field: "0022400561" for field, info in scraper.Parameters.model_fields.items() if info.is_required()
    }
    parameters = scraper.Parameters.model_validate({**required, "game_date": GAME_DATE})
    with pytest.raises((Undecodable, SourceChanged)):
        parser.parse(RegisteredScraper(spec(), scraper), BOMBS[kind](), parameters)


@pytest.mark.parametrize("empty", [b"[]", b"{}"], ids=["lists", "objects"])
def test_json_of_many_empty_values_is_too_costly(parser: ParserProcess, empty: bytes) -> None:
    """65 kB of gzip became 1.7 GiB of lists."""
    scraper = importlib.import_module("scrapers.nbacom.nbac_scoreboard.scraper")
    with pytest.raises(TooCostly):
        document = b"[" + b",".join([empty] * 2_000_000) + b"]"
        parser.parse(RegisteredScraper(spec(), scraper), document, scraper.Parameters(game_date=GAME_DATE))


def test_parse_works_in_an_empty_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    monkeypatch.chdir(tmp_path)
    # A process of the other tests started in their directory.
    parser = ParserProcess(LIMITS)
    try:
        parsed = parser.parse(
            RegisteredScraper(spec(), module),  # type: ignore[arg-type]  # a module with the three names
            b"hello",
            ScrapeParameters(game_date=GAME_DATE),
            apart=True,
        )
    finally:
        parser.close()
    assert parsed.records
