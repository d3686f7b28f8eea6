"""Tests of the gamebook. Reports come from the project's own PDF writer; single lines are parsed without one."""

import pytest
from fake_http import HttpAt
from nba_games import BEFORE, DAY, GAME, LIVE, OVER, OVERTIME_DAY, OVERTIME_GAME, SCENARIO

from scrapers.nbacom.nbac_gamebook_pdf import scraper
from scrapers.nbacom.nbac_gamebook_pdf.fetching import PROBE_URL, gamebook_url
from scrapers.nbacom.nbac_gamebook_pdf.report import Report, broken_laws, read_report
from scrapers.nbacom.nbac_gamebook_pdf.scraper import GamebookRecord, Parameters, fetch, parse
from scrapers.nbacom.nbac_gamebook_pdf.tables import LABELS
from scrapers.nbacom.nbac_player_boxscore import scraper as box_scores
from scrapers.nbacom.nbac_player_boxscore.scraper import PlayerBoxRecord
from scrapers.nbacom.pdf_text import PageText, Word
from scrapers.teams import UnknownTeam
from tipoff_dev.fakes.sources.box_score_json import write_box_score
from tipoff_dev.fakes.sources.gamebook_pdf import write_gamebook
from tipoff_scraper_runner.errors import Blocked, NotPublished, SourceChanged, Undecodable

PARAMETERS = Parameters(game_date=DAY, game_id=GAME.id)
PAYLOAD = write_gamebook(SCENARIO, DAY, GAME)
URL = "https://statsdmz.nba.com/pdfs/20250115/20250115_NYKPHI.pdf"
REPORTS = "statsdmz.nba.com/*"

NUMBERS = "1 2 0 0 0 0 0 1 1 0 0 0 0 0 0 2"
LINES = [
    "OFFICIAL SCORER'S REPORT FINAL BOX",
    "Wednesday, January 15, 2025 Wells Fargo Center, Philadelphia, PA",
    "VISITOR: New York Knicks (27-14)",
    LABELS,
    f"00 Abel Van Dyke Jr. F 240:00 {NUMBERS}",
    f"240:00 {NUMBERS}",
    "50.0% 0.0% 0.0% TM REB: 3 TOT TO: 0 (0 PTS)",
    "HOME: PHILADELPHIA 76ERS (15-25)",
    LABELS,
    f"1 Cal D'Arcy-Lee 240:00 {NUMBERS}",
    "7 Ed Fox NWT - Injury/Illness - Right Foot;",
    "Strain",
    f"240:00 {NUMBERS}",
]


def records(payload: bytes = PAYLOAD) -> list[GamebookRecord]:
    return [record for record in parse(payload, PARAMETERS).records if isinstance(record, GamebookRecord)]


def page(lines: list[str]) -> PageText:
    words = [
        Word(text, x0=10.0 * place, x1=10.0 * place + 8, top=12.0 * number, bottom=12.0 * number + 8)
        for number, line in enumerate(lines)
        for place, text in enumerate(line.split())
    ]
    return PageText(words, [])


def read(lines: list[str]) -> Report:
    return read_report([page(lines)])


def test_summary_describes_game() -> None:
    found = parse(PAYLOAD, PARAMETERS)

    assert found.about == DAY
    assert found.summary == {
        "score": {"NYK": 119, "PHI": 108},
        "team_minutes": {"NYK": 240, "PHI": 240},
        "players_by_status": {"dnp": 2, "inactive": 4, "played": 20},
        "place": "Wells Fargo Center, Philadelphia",
        "officials": ["#11 Arne Holt", "#12 Bea Quill", "#13 Cy Tanner"],
        "attendance": 18000,
        "duration_minutes": 130,
        "broken_laws": [],
        "drift": {"added": [], "missing_optional": []},
    }


def test_gamebook_agrees_with_box_score() -> None:
    payload = write_box_score(SCENARIO, DAY, GAME, OVER) or b""
    box = box_scores.parse(payload, box_scores.Parameters(game_date=DAY, game_id=GAME.id))
    result = {
        (record.team, record.name): (
            record.seconds_played,
            record.points,
            record.rebounds_total,
            record.assists,
        )
        for record in box.records
        if isinstance(record, PlayerBoxRecord) and record.played
    }

    assert result == {
        (record.team, record.player_name): (
            record.seconds_played,
            record.points,
            record.rebounds_total,
            record.assists,
        )
        for record in records()
        if record.status == "played"
    }


def test_absent_players_have_reason_even_where_list_wraps() -> None:
    absent = [record for record in records() if record.team == "NYK" and record.status != "played"]

    assert [(record.status, record.reason, record.points) for record in absent] == [
        ("dnp", "Coach's Decision", None),
        ("inactive", "Injury/Illness - Left Ankle; Sprain, Bone Bruise and a Long Recovery Thereafter", None),
        ("inactive", "G League - Two-Way", None),
    ]


def test_an_overtime_makes_265_minutes() -> None:
    payload = write_gamebook(SCENARIO, OVERTIME_DAY, OVERTIME_GAME)
    summary = parse(payload, Parameters(game_date=OVERTIME_DAY, game_id=OVERTIME_GAME.id)).summary

    assert summary["team_minutes"] == {OVERTIME_GAME.away: 265, OVERTIME_GAME.home: 265}
    assert summary["broken_laws"] == []


def test_unusual_names_and_wrapped_reason_are_read() -> None:
    report = read(LINES)
    visitor, absent = report.visitor.players[0], report.home.players[1]

    assert (visitor.jersey, visitor.name, visitor.position) == ("00", "Abel Van Dyke Jr.", "F")
    assert report.home.players[0].name == "Cal D'Arcy-Lee"
    assert (absent.status, absent.reason) == ("nwt", "Injury/Illness - Right Foot; Strain")
    assert (report.officials, report.attendance, report.duration_minutes) == (None, None, None)


@pytest.mark.parametrize(
    ("line", "attendance", "minutes"),
    [
        ("Attendance: 18,000 Game Duration: 2:10", 18000, 130),
        ("Attendance: ,", None, None),
        ("Attendance: ,5", None, None),
        (f"Attendance: {'9' * 5000}", None, None),
        (f"Game Duration: {'9' * 5000}:10", None, None),
        ("Attendance: \u0663", None, None),
    ],
)
def test_malformed_footer_loses_only_its_own_value(
    line: str, attendance: int | None, minutes: int | None
) -> None:
    report = read([*LINES, line])

    assert (report.attendance, report.duration_minutes) == (attendance, minutes)
    assert len(report.home.players) == 2


@pytest.mark.parametrize("printed", ["9" * 5000, "\u0663", "1_0"])
def test_line_with_malformed_statistic_is_set_aside(printed: str) -> None:
    odd = LINES[9].removesuffix("2") + printed
    report = read([*LINES[:9], odd, *LINES[10:]])

    assert [player.name for player in report.home.players] == ["Ed Fox"]
    assert len(report.set_aside) == 1


PRINTED = """\
NATIONAL BASKETBALL ASSOCIATION OFFICIAL SCORER'S REPORT
FINAL BOX
Friday, March 20, 2026 Sample Arena, Detroit, MI
VISITOR: GOLDEN STATE WARRIORS (1-2)
POS MIN FG FGA 3P 3PA FT FTA OR DR TOT A PF ST TO BS +/- PTS
15 Abe Sample F 48:00 4 10 1 4 4 4 0 5 5 5 3 0 3 0 -3 13
7 K'ris O'Sample C 48:00 1 5 1 4 2 2 0 3 3 0 1 0 1 2 -6 5
0 Gary Sample II 47:58 6 8 1 2 1 2 0 3 3 3 2 1 1 0 -3 14
18 LJ Van-Sample Jr. 48:02 3 6 3 5 1 1 0 0 0 1 1 1 2 0 2 10
61 Pat Sample 48:00 3 6 0 3 0 0 1 3 4 2 0 0 2 1 -8 6
00 Al Idle DNP - Coach's Decision
240:00 17 35 6 18 8 9 1 14 15 11 7 2 9 3 -18 48
48.6% 33.3% 88.9% TM REB: 8 TOT TO: 9 (10 PTS)
HOME: DETROIT PISTONS (2-1)
POS MIN FG FGA 3P 3PA FT FTA OR DR TOT A PF ST TO BS +/- PTS
9 Aus Sample G-F 240:00 4 10 0 1 0 2 0 3 3 4 2 7 5 1 17 8
240:00 4 10 0 1 0 2 0 3 3 4 2 7 5 1 17 8
SCORE BY PERIOD
1 2 3 4 FINAL
Warriors 12 12 12 12 48
PISTONS 2 2 2 2 8
Inactive: Warriors - Idle (Injury/Illness - Left Knee; Surgery), Absent (G League - Two-Way)
Inactive: Pistons - None
Points in the Paint - Warriors 10
""".splitlines()


def test_report_in_layout_of_2026_is_read() -> None:
    """The layout is that of March 2026, with made-up names and numbers; a whole book begins with a cover."""
    report = read_report([page(["NBA GAMEBOOK", "Golden State at Detroit"]), page(PRINTED), page(LINES)])

    assert (report.day.isoformat(), report.place) == ("2026-03-20", "Sample Arena, Detroit, MI")
    assert [
        (player.jersey, player.name, player.position, player.status) for player in report.visitor.players
    ] == [
        ("15", "Abe Sample", "F", "played"),
        ("7", "K'ris O'Sample", "C", "played"),
        ("0", "Gary Sample II", None, "played"),
        ("18", "LJ Van-Sample Jr.", None, "played"),
        ("61", "Pat Sample", None, "played"),
        ("00", "Al Idle", None, "dnp"),
        (None, "Idle", None, "inactive"),
        (None, "Absent", None, "inactive"),
    ]
    assert broken_laws(report.visitor) == []
    assert [player.name for player in report.home.players] == ["Aus Sample"]


@pytest.mark.parametrize(
    ("listed", "players"),
    [
        ("None", []),
        (
            "Bane (Injury/Illness - Lumbar; Disc Bulge), Rose",
            [("Bane", "Injury/Illness - Lumbar; Disc Bulge"), ("Rose", None)],
        ),
        (
            "Jackson Jr. (Knee (left), sore), Smart ()",
            [("Jackson Jr.", "Knee (left), sore"), ("Smart", None)],
        ),
    ],
)
def test_inactive_players_are_listed_in_several_forms(
    listed: str, players: list[tuple[str, str | None]]
) -> None:
    report = read(
        [*LINES, f"Inactive: Knicks - {listed}", "Inactive: 76ers - None", "Points in the Paint 40"]
    )

    assert [(player.name, player.reason) for player in report.visitor.players[1:]] == players


def test_inconsistent_totals_are_reported_as_broken_laws() -> None:
    wrong = LINES[5].replace("240:00 1 2", "250:00 1 3")

    assert broken_laws(read(LINES).visitor) == []
    assert broken_laws(read([*LINES[:5], wrong, *LINES[6:]]).visitor) == [
        "NYK: 250 minutes; expected 240 plus 25 for each overtime",
        "NYK: the players have 240.0 minutes, the team 250",
        "NYK: the players have 2 field_goals_attempted, the team 3",
    ]


@pytest.mark.parametrize(
    ("numbers", "law"),
    [
        ("1 2 3 0 0 0 0 1 1 0 0 0 0 0 0 2", "makes more three_pointers than he takes"),
        ("1 2 0 0 0 0 0 1 1 0 0 0 0 -1 -9 2", "has -1 blocks"),
    ],
)
def test_impossible_statistic_is_reported_as_broken_law(numbers: str, law: str) -> None:
    made = [line.replace(f"F 240:00 {NUMBERS}", f"F 240:00 {numbers}") for line in LINES]

    assert broken_laws(read(made).visitor) == [f"NYK: Abel Van Dyke Jr. {law}"]


@pytest.mark.parametrize(
    ("number", "line", "complaint"),
    [
        (0, "OFFICIAL SCORER'S REPORT FIRST HALF", "not titled 'FINAL BOX'"),
        (1, "January 15", "the report has no date"),
        (1, "Wednesday, Janvier 15, 2025 There", "is not 'Month D, YYYY'"),
        (3, LABELS.replace("BS ", ""), "the columns are"),
        (5, "50.0% 0.0%", "the table of New York Knicks has no totals"),
        (12, "", "the table of Philadelphia 76ers has no totals"),
        (7, "", "does not have the tables of a visitor and a home team"),
    ],
)
def test_another_layout_is_a_changed_source(number: int, line: str, complaint: str) -> None:
    with pytest.raises(SourceChanged, match=complaint):
        read([*LINES[:number], line, *LINES[number + 1 :]])


@pytest.mark.parametrize(
    "line", ["4 Abel Van Dyke Jr. F 240:00 1 2 3", "4 Abel Van Dyke Jr. did not arrive", "Abel"]
)
def test_unknown_line_is_set_aside_and_players_are_kept(line: str) -> None:
    report = read([*LINES[:5], line, *LINES[5:]])

    assert [player.name for player in report.visitor.players] == ["Abel Van Dyke Jr."]
    assert list(report.set_aside) == [f"unknown line in the table of New York Knicks: {line!r}"]
    assert report.contradictions == []


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        ("7 Ed Fox NWT-Return to Competition Reconditioning", "nwt", "Return to Competition Reconditioning"),
        ("7 Ed Fox DNP-Coach's Decision", "dnp", "Coach's Decision"),
        ("7 Ed Fox DND -Rest", "dnd", "Rest"),
        ("7 Ed FoxDNP - Rest", "dnp", "Rest"),
        ("7 Ed Fox NWT", "nwt", None),
    ],
)
def test_reason_without_blanks_is_read(line: str, status: str, reason: str | None) -> None:
    player = read([*LINES[:10], line, LINES[12]]).home.players[1]

    assert (player.name, player.status, player.reason) == ("Ed Fox", status, reason)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("Inactive: Bulls - Bane ()", "'Bulls', which does not play in this game"),
        ("Inactive: Nicks - Bane ()", "unknown team 'Nicks'"),
        ("Inactive: everybody", "a list of inactive players does not have the form"),
    ],
)
def test_an_unknown_list_of_inactive_players_is_set_aside(line: str, complaint: str) -> None:
    report = read([*LINES, line])

    (reason,) = report.set_aside
    assert complaint in reason
    assert read(LINES).home.players == report.home.players


@pytest.mark.parametrize(
    ("listed", "players"),
    [
        ("Bane (open", [("Bane", "open")]),
        ("Bane (Knee; Sore, Rose (G League)", [("Bane", "Knee; Sore"), ("Rose", "G League")]),
        ("Bane (Knee)), Rose (G League)", [("Bane", "Knee)"), ("Rose", "G League")]),
        ("Bane Knee), Rose (G League)", [("Bane Knee", None), ("Rose", "G League")]),
    ],
)
def test_unbalanced_parentheses_are_read_and_reported(
    listed: str, players: list[tuple[str, str | None]]
) -> None:
    report = read([*LINES, f"Inactive: Knicks - {listed}"])

    assert [(player.name, player.reason) for player in report.visitor.players[1:]] == players
    assert list(report.unbalanced) == [f"Inactive: Knicks - {listed}"]


def test_report_without_minutes_is_no_data_and_names_each_team(monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = " ".join(["0"] * 16)
    lines = [line.replace(f"240:00 {NUMBERS}", f"0:00 {zeros}") for line in LINES]
    monkeypatch.setattr(scraper, "read_pages", lambda _: [page(lines)])
    found = parse(PAYLOAD, PARAMETERS)

    lacks = ["NYK: the players have 0.0 of 240 minutes", "PHI: the players have 0.0 of 240 minutes"]
    assert list(found.records) == []
    assert found.contradictions == lacks
    assert found.empty_reason == f"the report of game {GAME.id} is not complete: {'; '.join(lacks)}"


def test_an_unknown_team_is_named() -> None:
    with pytest.raises(UnknownTeam, match="'New York Nicks'"):
        read([*LINES[:2], "VISITOR: New York Nicks", *LINES[3:]])


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (PAYLOAD[: len(PAYLOAD) // 2], "cut short"),
        (b"%PDF-1.4\nnothing\n%%EOF\n", "damaged|no pages"),
        (b"{}", "not a PDF"),
        (b"", "nothing"),
    ],
)
def test_invalid_pdf_is_undecodable(body: bytes, complaint: str) -> None:
    with pytest.raises(Undecodable, match=complaint):
        parse(body, PARAMETERS)


def test_fake_gamebook_is_reproducible() -> None:
    assert write_gamebook(SCENARIO, DAY, GAME) == PAYLOAD


def test_url_consists_of_date_and_teams() -> None:
    assert gamebook_url("20250115/NYKPHI") == URL
    with pytest.raises(SourceChanged, match="is not YYYYMMDD/AWYHOM"):
        gamebook_url("20250115/../NYK")


def test_gamebook_before_tip_off_is_not_published(http_at: HttpAt) -> None:
    with pytest.raises(NotPublished, match="boxscore"):
        fetch(PARAMETERS, http_at(BEFORE.isoformat()))


def test_a_live_game_has_no_report(http_at: HttpAt) -> None:
    http = http_at(LIVE.isoformat())

    with pytest.raises(
        NotPublished, match=r"is live \(Q2 5:30\), not final; there is no scorer's report yet"
    ):
        fetch(PARAMETERS, http)
    assert len(http.requested_urls) == 1


def test_report_is_published_some_time_after_game(http_at: HttpAt) -> None:
    early = http_at("2025-01-15T21:49:00-05:00")

    with pytest.raises(NotPublished, match=f"{URL} answers 403, while {PROBE_URL} is served"):
        fetch(PARAMETERS, early)
    assert early.requested_urls[1:] == [URL, PROBE_URL]
    payload = fetch(PARAMETERS, http_at("2025-01-15T21:50:00-05:00"))
    assert (payload.url, payload.suffix, payload.body) == (URL, "pdf", PAYLOAD)


@pytest.mark.parametrize(("status", "error"), [(403, Blocked), (404, SourceChanged)])
def test_incident_5_refusal_is_blocked_and_move_is_a_changed_source(
    status: int, error: type[Exception], http_at: HttpAt
) -> None:
    http = http_at(OVER.isoformat())
    http.fault(path=REPORTS, status=status)

    with pytest.raises(error, match=f"which exists, answers {status}"):
        fetch(PARAMETERS, http)


def test_web_page_instead_of_document_is_blocked(http_at: HttpAt) -> None:
    http = http_at(OVER.isoformat())
    http.fault(path=REPORTS, body="html")

    with pytest.raises(Blocked, match="a web page instead of a PDF"):
        fetch(PARAMETERS, http)


def test_empty_response_is_undecodable(http_at: HttpAt) -> None:
    http = http_at(OVER.isoformat())
    http.fault(path=REPORTS, body="empty")

    with pytest.raises(Undecodable, match="nothing"):
        fetch(PARAMETERS, http)


COVERS = {
    "nbac_gamebook_pdf": {
        "normal": test_gamebook_agrees_with_box_score,
        "empty": test_empty_response_is_undecodable,
        "not_published": test_report_is_published_some_time_after_game,
        "blocked": test_incident_5_refusal_is_blocked_and_move_is_a_changed_source,
        "changed": test_another_layout_is_a_changed_source,
        "truncated": test_invalid_pdf_is_undecodable,
    },
}
