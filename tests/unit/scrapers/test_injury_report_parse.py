"""Tests of the injury report's parser. Fixtures come from the project's own PDF writer; CSVs have the expected
fields."""

import csv
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.examples import examples
from tests.support.scenario import SCENARIO

from scrapers.nbacom import pdf_drawing, pdf_text
from scrapers.nbacom.nbac_injury_report.rows import STATUSES, read_rows
from scrapers.nbacom.nbac_injury_report.scraper import InjuryRecord, Parameters, parse
from scrapers.nbacom.nbac_injury_report.table import Cells, join_wrapped, read_table
from scrapers.nbacom.pdf_text import read_pages
from scrapers.teams import team
from tipoff_common.clock import EASTERN
from tipoff_dev.fakes.sources import injury_pdf
from tipoff_dev.fakes.sources.injury_pdf import ReportRow, write_report
from tipoff_dev.fakes.sources.publication import report_rows
from tipoff_scraper_runner.errors import SourceChanged, Undecodable

FIXTURES = Path(__file__).parents[2] / "fixtures" / "injury_report"
DAY = date(2025, 1, 15)
TITLE = datetime(2025, 1, 15, 15, 30, tzinfo=EASTERN)
TODAY = Parameters(game_date=DAY)
NYK = (DAY, "07:00 (ET)", "NYK@PHI", "New York Knicks")
PHI = (DAY, "07:00 (ET)", "NYK@PHI", "Philadelphia 76ers")
LONG = "Injury/Illness - Right Wrist; Fracture/Facial Laceration/Concussion Protocol"


def golden(name: str) -> list[dict[str, str]]:
    with (FIXTURES / f"{name}.csv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def as_text(records: Sequence[object]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for record in records:
        assert isinstance(record, InjuryRecord)
        found.append({key: str(value) for key, value in record.model_dump(mode="json").items()})
    return found


def player(name: str, reason: str = "Rest - Rest", team: tuple[date, str, str, str] = NYK) -> ReportRow:
    return ReportRow(*team, name, "Out", reason)


@pytest.mark.parametrize(("hour", "listed", "missing"), [(12, 30, 23), (18, 55, 10)])
def test_a_day_of_the_fake_source_reads_as_its_golden_csv(hour: int, listed: int, missing: int) -> None:
    title = TITLE.replace(hour=hour)
    parsed = parse(write_report(title, report_rows(SCENARIO, title)), TODAY)

    assert as_text(parsed.records) == golden(f"game_day_2025-01-15_{hour}h")
    assert (len(parsed.records), parsed.summary["teams_not_submitted"]) == (listed, missing)
    assert parsed.empty_reason == ""


def test_wrapped_and_split_reasons_read_as_golden_csv() -> None:
    """Seventeen players: the third has a three-line reason, the fifteenth one across pages; a team has to submit."""
    expected = golden("wrapped_and_cut")
    rows = [
        ReportRow(
            date.fromisoformat(row["game_date"]),
            row["game_time_et"],
            row["matchup"],
            team(row["team"]).name,
            row["player_name"],
            row["status"],
            row["reason"],
        )
        for row in expected
    ]
    pdf = write_report(TITLE, [*rows, ReportRow(DAY, "10:30 (ET)", "BKN@LAC", "LA Clippers")])
    first, second = read_table(read_pages(pdf)).pages

    assert second[0] == Cells(reason="Dysfunction")
    assert first[-1].player_name == "Thornbury, Silas"
    parsed = parse(pdf, TODAY)
    assert as_text(parsed.records) == expected
    assert parsed.summary["teams_not_submitted_names"] == [
        {"game_date": "2025-01-15", "matchup": "BKN@LAC", "team": "LAC"}
    ]


_TEAMS = st.sampled_from(
    [
        NYK,
        PHI,
        (DAY, "10:30 (ET)", "BKN@LAC", "LA Clippers"),
        (DAY, "12:30 (ET)", "BKN@LAC", "Brooklyn Nets"),
        (date(2025, 1, 16), "07:00 (ET)", "NYK@PHI", "Philadelphia 76ers"),
    ]
)
_WORDS = ("Left", "Right", "Achilles", "Tendon;", "Injury/Illness", "-", "Two-Way", "Laceration/Concussion")
_REASONS = st.lists(
    st.sampled_from(_WORDS),
    min_size=1,
    max_size=16,
).map(" ".join)
_PLAYERS = st.sampled_from(["Quill Jr., Ned", "O'Dell, D'Arcy", "Yelland-Zeal III, Ivo", "Vale, Xan"])
_ROWS = st.builds(
    lambda team, name, status, reason, listed: (
        ReportRow(*team, name, status, reason) if listed else ReportRow(*team)
    ),
    _TEAMS,
    _PLAYERS,
    st.sampled_from(STATUSES),
    _REASONS.filter(lambda reason: not reason.endswith("-")),
    st.booleans(),
)


@settings(max_examples=examples(30), deadline=None)
@given(rows=st.lists(_ROWS, min_size=1, max_size=60))
def test_written_report_is_read_back(rows: list[ReportRow]) -> None:
    parsed = parse(write_report(TITLE, rows), TODAY)

    listed = [row for row in rows if row.player_name]
    assert [
        ReportRow(
            r.game_date, r.game_time_et, r.matchup, team(r.team).name, r.player_name, r.status, r.reason
        )
        for r in parsed.records
        if isinstance(r, InjuryRecord)
    ] == listed
    assert parsed.summary["teams_not_submitted"] == len(rows) - len(listed)


def test_the_title_is_the_report_time() -> None:
    summer = datetime(2025, 4, 23, 19, 30, tzinfo=EASTERN)
    parsed = parse(write_report(summer, [player("Vale, Xan")]), Parameters(game_date=date(2025, 4, 23)))

    assert parsed.summary["report_time"] == "2025-04-23T23:30:00+00:00"
    assert [getattr(record, "report_time", None) for record in parsed.records] == [
        datetime(2025, 4, 23, 23, 30, tzinfo=UTC)
    ]


def test_the_summary_counts_teams_and_statuses() -> None:
    rows = [player("Vale, Xan"), player("Zeal, Ivo"), ReportRow(*PHI, "Hart, Ned", "Doubtful", "Rest - Rest")]
    summary = parse(write_report(TITLE, rows), TODAY).summary

    assert summary["teams_listed"] == 2
    assert summary["teams_not_submitted"] == 0
    assert summary["players_by_status"] == {"Doubtful": 1, "Out": 2}


def test_report_without_submissions_is_no_data_with_reason() -> None:
    parsed = parse(write_report(TITLE, [ReportRow(*NYK), ReportRow(*PHI)]), TODAY)

    assert parsed.records == []
    assert parsed.empty_reason == "the report is published, but none of its 2 teams has submitted yet"


def test_report_without_players_is_no_data_with_reason() -> None:
    parsed = parse(write_report(TITLE, []), TODAY)

    assert parsed.records == []
    assert parsed.empty_reason == "the report is published and lists no players"


def test_incident_2_report_is_about_its_own_day() -> None:
    parsed = parse(write_report(TITLE, [player("Vale, Xan")]), Parameters(game_date=date(2025, 1, 16)))

    assert parsed.about == date(2025, 1, 15)


def test_an_unknown_status_is_a_changed_source() -> None:
    rows = [ReportRow(*NYK, "Vale, Xan", "Day-To-Day", "Rest - Rest")]

    with pytest.raises(SourceChanged, match=r"'Vale, Xan' has the unknown status 'Day-To-Day'"):
        parse(write_report(TITLE, rows), TODAY)


def test_an_unknown_column_is_a_changed_source(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = (*injury_pdf.LABELS[:5], "Availability", "Reason")
    monkeypatch.setattr(injury_pdf, "LABELS", labels)

    with pytest.raises(SourceChanged, match="'Availability'"):
        parse(write_report(TITLE, [player("Vale, Xan")]), TODAY)


def test_a_page_without_title_is_a_changed_source() -> None:
    pdf = write_report(TITLE, [player("Vale, Xan")]).replace(b"Injury Report: ", b"Status Report: ")

    with pytest.raises(SourceChanged, match="its first line is 'Status Report: 01/15/25 03:30 PM'"):
        parse(pdf, TODAY)


def test_a_title_without_a_time_is_a_changed_source() -> None:
    pdf = write_report(TITLE, [player("Vale, Xan")]).replace(b"01/15/25 03:30 PM", b"13/15/25 03:30 PM")

    with pytest.raises(SourceChanged, match=r"title's time '13/15/25 03:30 PM'"):
        parse(pdf, TODAY)


def test_pages_of_two_reports_are_a_changed_source() -> None:
    pdf = write_report(TITLE, [player(f"Vale, Xan{number}") for number in range(20)])
    head, tail = pdf.split(b"Page 1 of 2")
    mixed = head + b"Page 1 of 2" + tail.replace(b"03:30 PM", b"03:15 PM")

    with pytest.raises(SourceChanged, match=r"different titles: .*03:15 PM.*03:30 PM"):
        parse(mixed, TODAY)


def test_a_footer_is_not_required() -> None:
    pdf = write_report(TITLE, [player("Vale, Xan")]).replace(b"Page 1 of 1", b"           ")

    assert len(parse(pdf, TODAY).records) == 1


def test_a_page_without_rules_is_a_changed_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(injury_pdf.Canvas, "line", lambda *_: None)

    with pytest.raises(SourceChanged, match="no ruled line separates the rows"):
        parse(write_report(TITLE, [player("Vale, Xan"), player("Zeal, Ivo")]), TODAY)


def test_a_missing_page_is_undecodable() -> None:
    pdf = write_report(TITLE, [player("Vale, Xan")]).replace(b"Page 1 of 1", b"Page 1 of 2")

    with pytest.raises(Undecodable, match="pages are missing"):
        parse(pdf, TODAY)


@pytest.mark.parametrize(
    "body",
    [b"", b"<!DOCTYPE html><html></html>", b'{"a": 1}', b"\x00" * 5000],
    ids=["empty", "html", "json", "zeros"],
)
def test_non_pdf_is_undecodable_and_shows_its_first_bytes(body: bytes) -> None:
    with pytest.raises(Undecodable, match="not a PDF: it begins"):
        parse(body, TODAY)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_pdf_is_undecodable(share: float) -> None:
    pdf = write_report(TITLE, [player(f"Vale, Xan{letter}") for letter in "abcdefghijklmnopqrstuvwxyz"])

    with pytest.raises(Undecodable, match=r"cut short.*b'%PDF"):
        parse(pdf[: int(len(pdf) * share)], TODAY)


@pytest.mark.parametrize(
    "inside",
    [b"garbage " * 200, b"1 0 obj<</Filter/FlateDecode>>stream\n\x78\x9cgarbage\nendstream\nendobj\n"],
    ids=["text", "stream"],
)
def test_a_damaged_pdf_is_undecodable(inside: bytes) -> None:
    with pytest.raises(Undecodable):
        parse(b"%PDF-1.4\n" + inside + b"\n%%EOF\n", TODAY)


def test_damaged_compressed_part_is_undecodable() -> None:
    text = zlib.compress(b"BT (Vale, Xan) Tj ET " * 100)
    head, tail = b"%PDF-1.4\n1 0 obj<</Filter/FlateDecode>>stream\n", b"\nendstream\nendobj\n%%EOF\n"

    with pytest.raises(Undecodable, match="compressed part"):
        parse(head + text[:-4] + b"\0\0\0\0" + tail, TODAY)
    with pytest.raises(Undecodable, match="compressed part"):
        parse(head + text[:-8] + b"\n%%EOF", TODAY)


def test_a_pdf_without_pages_is_undecodable() -> None:
    pdf = write_report(TITLE, []).replace(b"/Type /Page", b"/Type /Leaf")

    with pytest.raises(Undecodable, match="no pages"):
        parse(pdf, TODAY)


@settings(max_examples=examples(40), deadline=None)
@given(data=st.data())
def test_pdf_damaged_anywhere_raises_only_expected_errors(data: st.DataObject) -> None:
    pdf = bytearray(write_report(TITLE, [player("Vale, Xan", LONG), ReportRow(*PHI)]))
    for _ in range(data.draw(st.integers(1, 20))):
        pdf[data.draw(st.integers(5, len(pdf) - 1))] = data.draw(st.integers(0, 255))

    with suppress(Undecodable, SourceChanged):
        parse(bytes(pdf), TODAY)


def test_decompression_bomb_is_undecodable() -> None:
    bomb = zlib.compress(b"\0" * (pdf_text.MAX_INFLATED_BYTES + 1), 9)
    pdf = b"%PDF-1.4\n1 0 obj<</Filter/FlateDecode>>stream\r\n" + bomb + b"\nendstream\nendobj\n%%EOF\n"

    assert len(pdf) < 100_000
    with pytest.raises(Undecodable, match="decompresses to more than"):
        parse(pdf, TODAY)


def test_a_pdf_of_too_many_bytes_pages_or_characters_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pdf = write_report(TITLE, [player(f"Vale, Xan{number}") for number in range(40)])
    monkeypatch.setattr(pdf_text, "MAX_PAGES", 2)
    with pytest.raises(Undecodable, match="more than 2 pages"):
        read_pages(pdf)
    monkeypatch.setattr(pdf_drawing, "MAX_DRAWN_A_PAGE", 100)
    with pytest.raises(Undecodable, match="page 1 draws more than 100 characters"):
        read_pages(pdf)
    monkeypatch.setattr(pdf_text, "MAX_BYTES", 1000)
    with pytest.raises(Undecodable, match="bytes; the limit is 1000"):
        read_pages(pdf)


def drawing(content: bytes, *forms: bytes) -> bytes:
    """Return a one-page PDF that draws `content`, which may use the first of `forms` as /X, and each form the next."""
    heads = [b"/Type /XObject /Subtype /Form /BBox [0 0 9 9]"] * len(forms)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R"
        b" /Resources << /XObject << /X 5 0 R >> >> >>",
    ]
    for number, (head, body) in enumerate(zip((b"", *heads), (content, *forms), strict=True), start=5):
        resources = b"/Resources << /XObject << /X %d 0 R >> >>" % number
        objects.append(b"<< %s %s /Length %d >>\nstream\n%s\nendstream" % (head, resources, len(body), body))
    text = b"".join(
        b"%d 0 obj\n%s\nendobj\n" % (number, body) for number, body in enumerate(objects, start=1)
    )
    return b"%PDF-1.4\n" + text + b"trailer\n<< /Root 1 0 R >>\n%%EOF\n"


@pytest.mark.parametrize(
    "bomb",
    [
        drawing(b"0 0 m 1 1 l S\n" * 2_000),
        drawing(b"/X Do\n" * 20, *[b"/X Do\n" * 20] * 8, b"0 0 m 1 1 l S\n" * 20),
    ],
    ids=["lines", "forms in forms"],
)
def test_small_pdf_with_excessive_drawing_is_undecodable(
    bomb: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The forms would be drawn for years: the unpacked size of a file does not limit the number of drawings."""
    monkeypatch.setattr(pdf_drawing, "MAX_DRAWN_A_PAGE", 1_000)

    assert len(bomb) < 30_000
    with pytest.raises(Undecodable, match="page 1 draws more than 1000 characters, lines and figures"):
        parse(bomb, TODAY)


def test_a_pdf_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_text, "MAX_SECONDS", 0.0)

    with pytest.raises(Undecodable, match="draws too much to be read within 0 s"):
        parse(write_report(TITLE, [player("Vale, Xan")]), TODAY)


ROW = Cells("01/15/2025", "07:00 (ET)", "NYK@PHI", "New York Knicks", "Vale, Xan", "Out", "Rest - Rest")


def test_row_split_by_page_break_is_joined() -> None:
    """The position of the page break in a multi-line reason decides the page of the centered player's name."""
    head = Cells(reason="Injury/Illness - Right Wrist;")
    tail = Cells(player_name="Zeal, Ivo", status="Out", reason="Laceration/ Protocol")

    rows = read_rows([[ROW, head], [tail]]).kept

    assert [(row.player_name, row.reason) for row in rows] == [
        ("Vale, Xan", "Rest - Rest"),
        ("Zeal, Ivo", "Injury/Illness - Right Wrist; Laceration/ Protocol"),
    ]
    assert rows[1].team == "NYK"


OTHER_GAME = Cells("", "07:30 (ET)", "BKN@LAC", "LA Clippers", "Zeal, Ivo", "Out", "Rest - Rest")


@pytest.mark.parametrize(
    ("odd", "complaint"),
    [
        (Cells(status="Out", reason="NOT YET SUBMITTED"), "a row without a player needs the reason"),
        (Cells(team="Philadelphia 76ers"), "a row without a player needs the reason"),
        (
            Cells(matchup="BKN@LAC", player_name="Vale, Xan", status="Out"),
            "lacks team under a new game or team",
        ),
        (Cells(matchup="BKN-LAC", team="LA Clippers", player_name="V, X", status="Out"), "is not AWAY@HOME"),
        (Cells(team="Boston Celtics", player_name="V, X", status="Out"), "a game of other teams"),
        (Cells(team="LA Sparks", player_name="V, X", status="Out"), "unknown team 'LA Sparks'"),
        (Cells("15.01.2025", *list(vars(ROW).values())[1:]), "'15.01.2025' is not MM/DD/YYYY"),
        (Cells(player_name="V, X", status="Day-To-Day"), "has the unknown status 'Day-To-Day'"),
    ],
)
def test_odd_row_is_set_aside_and_others_are_kept(odd: Cells, complaint: str) -> None:
    found = read_rows([[ROW, odd, replace(OTHER_GAME, game_date="01/15/2025")]])

    assert [row.player_name for row in found.kept] == ["Vale, Xan", "Zeal, Ivo"]
    (reason,) = found.set_aside
    assert complaint in reason


def test_cells_missing_after_odd_row_are_not_taken_from_another_game() -> None:
    opened = Cells(matchup="BKN@LAC", player_name="Vale, Xan", status="Out")
    below = Cells(player_name="Zeal, Ivo", status="Out")

    found = read_rows([[ROW, ROW, ROW, opened, below]])

    assert len(found.kept) == 3
    assert len(found.set_aside) == 2


def test_a_report_of_odd_rows_is_a_changed_source() -> None:
    with pytest.raises(SourceChanged, match="1 of 1 rows are unusable; the first: a row lacks game_date"):
        read_rows([[Cells(player_name="Vale, Xan", status="Out")]])


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["Right Forearm;", "Contusion"], "Right Forearm; Contusion"),
        (["G League -", "Two-Way"], "G League - Two-Way"),
        (["Non-", "Covid"], "Non-Covid"),
        (["Laceration/", "Concussion"], "Laceration/Concussion"),
        ([], ""),
    ],
)
def test_wrapped_lines_join_as_they_were_written(lines: list[str], text: str) -> None:
    assert join_wrapped(lines) == text


COVERS = {
    "nbac_injury_report": {
        "normal": test_a_day_of_the_fake_source_reads_as_its_golden_csv,
        "empty": test_report_without_players_is_no_data_with_reason,
        "changed": test_an_unknown_column_is_a_changed_source,
        "truncated": test_a_truncated_pdf_is_undecodable,
    },
}
