"""Tests of the console's pages with little, much or unusual content."""

import re
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.console import (
    BEARER,
    HOSTILE,
    NOW,
    TODAY,
    World,
    an_incident,
    client_of,
    et,
    expected,
    looks,
)
from tipoff_common.clock import local_instant
from tipoff_monitor.console.page_templates import ago, clock, environment, label_cells, presentable, url
from tipoff_monitor.console.pages.run import Link, waterfall
from tipoff_monitor.console.pages.timeline import LANES, Axis, axis_of, bars, marks
from tipoff_monitor.console.pages.today import reason_not_run
from tipoff_monitor.console.pages.workflow import learned_curve
from tipoff_monitor.console.snapshots import JOBS_A_MINUTE, Budget, Patience, Reading, Snapshot, Snapshots
from tipoff_monitor.console.views import VIEWS
from tipoff_planning.alerts import AlertState
from tipoff_planning.discovery.report import DiscoveryReport
from tipoff_planning.expectations import Expectation

PATHS = {
    "workflow": "/workflows/injury_discovery.json",
    "scraper": "/scrapers/nbac_injury_report.json",
    "run": "/run.json?id=abc",
}


def signed_in(world: World) -> httpx.Client:
    client = client_of(world)
    client.headers.update(BEARER)
    return client


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_every_page_has_a_json_twin_matching_its_schema(view: object) -> None:
    client = signed_in(World())
    name, json_path = view.name, view.json_path  # type: ignore[attr-defined]
    answer = client.get(PATHS.get(name, json_path))
    assert answer.status_code == 200, answer.text
    assert answer.headers["link"] == f'</schemas/{name}.json>; rel="describedby"'
    schema = client.get(f"/schemas/{name}.json").json()
    view.model.model_validate(answer.json())  # type: ignore[attr-defined]
    assert set(answer.json()) == set(schema["properties"])


@pytest.mark.parametrize(
    "path",
    [
        "/?date=9999-99-99",
        "/?date=" + "9" * 5000,
        "/?date=%00",
        f"/workflows/{quote(HOSTILE[:200])}",
        "/workflows/%2e%2e%2fetc",
        f"/scrapers/{'x' * 10_000}",
        "/schemas/nope.json",
        "/no/such/page",
    ],
)
def test_unknown_address_is_404_without_injected_script_or_query(path: str) -> None:
    world = World()
    answer = signed_in(world).get(path)
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text
    assert world.jobs == 0


@pytest.mark.parametrize(
    "identifier", ["", " ", "x" * 20_000, "\u202e", "a\x00b", "'; DROP TABLE x; --", "%"]
)
def test_malformed_run_id_is_reported_as_not_found(identifier: str) -> None:
    answer = signed_in(World()).get("/run.json", params={"id": identifier})
    assert answer.status_code == 200
    assert answer.json()["not_found"]


@pytest.mark.parametrize("day", ["1946-11-01", "2099-12-31", "1990-01-01"])
def test_out_of_range_day_runs_no_query(day: str) -> None:
    world = World()
    page = signed_in(world).get(f"/today.json?date={day}").json()
    assert page["color"] is None
    assert "out of range" in page["headline"]
    assert world.jobs == 0


def test_warehouse_outage_shows_last_good_data_with_its_age() -> None:
    world = World()
    client = signed_in(world)
    good = client.get("/today.json").json()
    world.warehouse.down = True
    world.now = NOW + timedelta(minutes=7)
    later = client.get("/today.json").json()
    assert later["rows"] and len(later["rows"]) == len(good["rows"])
    (source,) = [item for item in later["sources"] if item["name"] == "the day"]
    assert (source["age_seconds"], source["fault"]) == (420.0, "the warehouse is down")
    html = client.get("/").text
    assert "The day cannot be read." in html
    assert "7 min ago" in html


def test_warehouse_down_from_start_shows_unread_instead_of_waiting() -> None:
    world = World()
    world.warehouse.down = True
    client = signed_in(world)
    page = client.get("/today.json").json()
    assert (page["color"], page["headline"]) == (None, "has not been read yet")
    assert "Reading the dataset" not in client.get("/").text


OPENED = [
    "/",
    "/workflows/injury_discovery",
    "/scrapers",
    "/scrapers/nbac_injury_report",
    "/run?id=abc",
    "/alerts",
    "/dead-letters",
    "/files?name=0123abcd",
    "/configuration",
    "/simulation",
]
ABSENCES = re.compile(
    r"none\b|nothing (is|was|has|more)\b|nothing:|did not run|no (other|season|schedule|alert|file|fault|decision)\b"
    r"|has not run yet|not expected|never",
    re.IGNORECASE,
)
"""Texts of pages that state an absence."""


def shown_facts(html: str) -> str:
    """Return the text of a page below its banners, with the titles of drawings."""
    main = html.split('<div id="data-state"')[1].split("</div>", 1)[1].split("</main>")[0]
    return re.sub(r"<[^>]+>", " ", main)


def test_opened_paths_cover_every_page() -> None:
    routes = [re.compile(re.sub(r"{\w+}", "[^/]+", view.path)) for view in VIEWS]
    assert all(any(route.fullmatch(path.split("?")[0]) for path in OPENED) for route in routes)


@pytest.mark.parametrize("path", OPENED)
@pytest.mark.parametrize(
    ("snapshot", "word"),
    [
        (Snapshot[object](), "not read yet"),
        (Snapshot[object](fault="the warehouse is down", tried_at=NOW), "cannot be read"),
    ],
    ids=["unread", "unreadable"],
)
def test_unread_data_is_never_shown_as_an_absence(
    path: str, snapshot: Snapshot[object], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right after a start a user would take "did not run for 30 days" for a fact, whatever the banner above it."""
    client = signed_in(World())
    monkeypatch.setattr(Snapshots, "get", lambda *_: snapshot)
    answer = client.get(path)
    assert answer.status_code == 200
    facts = shown_facts(answer.text)
    assert ABSENCES.findall(facts) == []
    assert word in facts.lower()


def test_given_up_files_are_shown_beside_the_newest_scan() -> None:
    """Six older files were given up, but the page stated that every file has its receipt."""
    world = World(recent={})
    six = "6 files: given_up; the newest is gs://data/x.json: announced three times."
    world.remember(
        an_incident(rule="files-stuck", subject="given_up", workflow=None, summary=six),
        an_incident(
            rule="files-stuck", subject="object_missing", state=AlertState.RESOLVED, summary="1 file: gone."
        ),
    )
    client = signed_in(world)
    assert client.get("/files.json").json()["stuck"] == [six]
    facts = shown_facts(client.get("/files").text)
    assert six in facts
    assert "1 file: gone." not in facts
    assert "None: every file within cleanup" in facts


@pytest.mark.parametrize("path", ["/", "/scrapers/nbac_schedule", "/dead-letters", "/alerts", "/simulation"])
def test_absence_read_from_the_dataset_is_shown(path: str) -> None:
    client = signed_in(World(day=[], fleet={}, recent={}))
    client.get(path.rstrip("/") + ".json" if path != "/" else "/today.json")
    facts = shown_facts(client.get(path).text)
    assert ABSENCES.search(facts)
    assert "not read yet" not in facts.lower()


def test_open_tabs_cost_at_most_three_jobs_a_minute() -> None:
    world = World()
    client = signed_in(world)
    paths = ["/", "/workflows/injury_discovery", "/scrapers", "/run?id=abc", "/files", "/dead-letters"]
    # Opening the page of a named run or workflow always queries the dataset.
    for path in ("/run.json?id=abc", "/workflows/injury_discovery.json"):
        client.get(path)
    looked_up = world.jobs
    for _ in range(10):
        for path in paths:
            assert client.get(path, headers={"X-Tipoff-Refresh": "1"}).status_code == 200
        world.now += timedelta(seconds=30)
    # The budget uses the wall clock, and the loop takes less than a minute.
    assert world.jobs - looked_up <= JOBS_A_MINUTE


@given(st.lists(st.tuples(st.floats(0, 300), st.integers(1, 3)), max_size=60))
def test_no_minute_has_more_jobs_than_the_budget(asked: list[tuple[float, int]]) -> None:
    now = 0.0
    budget = Budget(3, clock=lambda: now)
    taken: list[float] = []
    for instant, jobs in sorted(asked):
        now = instant
        if budget.take(jobs):
            taken += [now] * jobs
    assert all(sum(start <= at < start + 60 for at in taken) <= 3 for start in taken)


def test_snapshot_is_cached_until_stale() -> None:
    now, read = [NOW], list[datetime]()
    snapshots = Snapshots(lambda: now[0])

    def count(at: datetime) -> int:
        read.append(at)
        return len(read)

    reading = Reading("key", count, timedelta(minutes=1))
    assert [snapshots.get(reading, Patience(5)).value for _ in range(3)] == [1, 1, 1]
    now[0] += timedelta(minutes=2)
    assert snapshots.get(reading, Patience(5)).value == 2
    assert len(read) == 2


def test_opening_page_shows_stale_snapshot_but_waits_if_very_old() -> None:
    now, read = [NOW], list[datetime]()
    snapshots, opening = Snapshots(lambda: now[0]), Patience(5, takes_old=True)

    def count(at: datetime) -> int:
        read.append(at)
        return len(read)

    reading = Reading("key", count, timedelta(minutes=1))
    snapshots.get(reading, opening)
    now[0] += timedelta(seconds=90)
    assert snapshots.get(reading, opening).read_at == NOW
    assert snapshots.get(reading, Patience(5)).read_at == now[0]  # the read began in the background
    now[0] += timedelta(minutes=3)
    assert snapshots.get(reading, opening).read_at == now[0]
    assert len(read) == 3


def test_forgotten_snapshot_is_reread_once_despite_spent_budget() -> None:
    read: list[datetime] = []
    snapshots = Snapshots(lambda: NOW)
    for key in ("a", "b", "c", "d"):
        snapshots.get(Reading(key, read.append, timedelta(minutes=1)), Patience(5))
    assert len(read) == JOBS_A_MINUTE
    snapshots.forget("a")
    snapshots.get(Reading("a", read.append, timedelta(minutes=1)), Patience(5))
    assert len(read) == JOBS_A_MINUTE + 1
    # Only one read is exempt from the budget.
    snapshots.get(Reading("d", read.append, timedelta(minutes=1)), Patience(5))
    assert len(read) == JOBS_A_MINUTE + 1


def test_snapshot_forgotten_during_its_read_is_read_again() -> None:
    read: list[datetime] = []
    snapshots = Snapshots(lambda: NOW)

    def count(at: datetime) -> int:
        read.append(at)
        if len(read) == 1:
            snapshots.forget("key")
        return len(read)

    assert snapshots.get(Reading("key", count, timedelta(minutes=1)), Patience(5)).value == 2


@pytest.mark.parametrize("drift", ['{"added": ["x"]}', {"added": ["x"]}])
def test_nested_json_of_a_row_may_come_as_text(drift: object) -> None:
    world = World()
    world.recent["latest_executions"][-1].update(drift=drift, completeness='{"missing": ["a"]}')
    page = signed_in(world).get("/scrapers/nbac_injury_report.json").json()
    assert page["last_drift"]["drift"] == {"added": ["x"]}


@pytest.mark.parametrize("odd", ["no json", "[1]", 7, ["x"], {"added": [], "missing_optional": []}])
def test_an_odd_json_column_hides_no_other_row(odd: object) -> None:
    world = World()
    world.recent["latest_executions"][0].update(drift=odd, opts=odd)
    page = signed_in(world).get("/scrapers/nbac_injury_report.json").json()
    assert len(page["executions"]) == 4
    assert page["last_drift"] is None


@given(
    st.lists(st.tuples(st.none() | st.integers(0, 100_000), st.none() | st.floats(-10, 100_000)), max_size=12)
)
def test_every_link_of_a_chain_stands_within_the_drawing(
    links: list[tuple[int | None, float | None]],
) -> None:
    drawn = waterfall(
        [
            Link(
                kind="request",
                text="",
                id=None,
                at=None if at is None else NOW + timedelta(seconds=at),
                gap_seconds=gap,
                depth=0,
                is_asked=False,
                facts={},
            )
            for at, gap in links
        ]
    )
    assert [step.width > 0 for step in drawn] == [at is not None and gap is not None for at, gap in links]
    assert all(0 <= step.left <= 1 and step.left + step.width <= 1.01 for step in drawn)


def test_workflow_page_shows_learned_curve_its_days_and_todays_checks() -> None:
    world = World(other=[looks(12)])
    client = signed_in(world)
    page = client.get("/workflows/injury_discovery.json").json()["discovery"]
    assert len(page["days"]) == 12 and page["checks"]
    curve = learned_curve(DiscoveryReport.model_validate(page), NOW)
    assert max(bar.height for bar in curve.bars) == 1.0
    assert [day.width > 0 for day in curve.days] == [True] * 12
    assert curve.headline.startswith("Discovery: fixed beat, as configured; to learn from: model")
    html = client.get("/workflows/injury_discovery").text
    assert "When its source publishes" in html
    assert html.count('class="seen"') == 12
    assert html.count('class="check-word') == len(page["checks"])


def test_workflow_without_discovery_reads_no_history() -> None:
    world = World()
    page = signed_in(world).get("/workflows/post_game.json").json()
    assert page["discovery"] is None
    assert "the learned times" not in [source["name"] for source in page["sources"]]


SEASON = {
    "first": "2025-10-21",
    "last": "2026-04-12",
    "games": 1230,
    "world": HOSTILE[:400],
    "seed": 1,
    "config_hash": "0123456789ab",
    "ticks": 16_000,
    "workflows": {
        "injury_discovery": {
            "occurrences": 3000,
            "statuses": {"ON_TIME": 2990, "MISSING": 10},
            "decisions": {"RUN": 3000},
            "attempts": 3100,
            "no_data": 400,
            "failed": 7,
            "found": 170,
            "empty": 1,
            "missed": [{"game_date": "2026-01-09", "subject": "-", "reason": HOSTILE[:400]}],
            "missing_runs": [],
            "delay": {"median": 12.5, "p95": 40.0},
        }
    },
    "sources": {"nbacom": {"requests": 3100, "most_in_an_hour": 4, "busiest_hour": None}},
}


def test_simulated_season_is_linked_and_shown_after_upload() -> None:
    world = World()
    client = signed_in(world)
    assert client.get("/simulation.json").json()["simulation"] is None
    assert 'href="/simulation"' not in client.get("/").text
    sent = client.put("/simulation", json={"configurations": {"a.yaml": SEASON, "b.yaml": SEASON}})
    assert sent.status_code == 204, sent.text
    world.now += timedelta(minutes=1)
    page = client.get("/simulation.json").json()["simulation"]
    assert (list(page["configurations"]), page["sent_by"]) == (["a.yaml", "b.yaml"], "developer@localhost")
    html = client.get("/simulation").text
    assert 'href="/simulation"' in html
    assert "12.5 min" in html and "<script>alert" not in html


@pytest.mark.parametrize(
    "sent", [{}, {"configurations": {}}, {"configurations": {str(n): SEASON for n in range(5)}}, [1]]
)
def test_invalid_season_is_refused(sent: object) -> None:
    client = signed_in(World())
    assert client.put("/simulation", json=sent).status_code == 422
    assert client.get("/simulation.json").json()["simulation"] is None


@given(st.text(max_size=3000))
def test_no_text_reaches_a_page_as_markup_or_control_characters(text: str) -> None:
    html = environment().from_string('<p title="{{ text }}">{{ text }}</p>').render(text=text)
    inner = html[len('<p title="') : -len("</p>")]
    assert inner.count("<") == 0 and inner.count(">") == 1 and inner.count('"') == 1
    assert not set(inner) & set("\x00\x07\x1b\x7f\x9b\u200e\u200f\u202a\u202e\u2066\u2069")


def test_long_text_is_cut_with_count_of_omitted_characters() -> None:
    shown = presentable("x" * 10_000)
    assert len(shown) < 1100
    assert shown.endswith("(9,000 more characters)")


@given(st.text(min_size=1, max_size=200))
def test_url_escapes_any_parameter(text: str) -> None:
    made = str(url("/run", id=text))
    assert made.startswith("/run?id=")
    assert not set(made) & set("<>\"' \n")


class TestTimeline:
    def row(self, hour: float, lasts: float = 1.0, **changes: object) -> Expectation:
        return Expectation.model_validate(expected("w", hour, lasts=lasts, **changes))

    def test_timeline_day_has_23_24_or_25_hours(self) -> None:
        for day, hours in ((date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (TODAY, 24)):
            axis = axis_of(day, [])
            assert axis.end - axis.start == timedelta(hours=hours)
            assert [mark.label for mark in marks(axis)][1:] == ["03", "06", "09", "12", "15", "18", "21"]

    def test_hour_marks_stay_on_full_hours_for_a_partial_axis(self) -> None:
        start = local_instant(TODAY, time(17, 30))
        axis = Axis(start, start + timedelta(hours=6))
        assert [(mark.label, axis.start + mark.left * timedelta(hours=6)) for mark in marks(axis)][1:] == [
            ("18", local_instant(TODAY, time(18))),
            ("21", local_instant(TODAY, time(21))),
        ]

    def test_repeated_hour_is_shown_with_its_zone(self) -> None:
        repeated = date(2026, 11, 1)
        first, second = datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
        assert [clock(first, repeated), clock(second, repeated)] == ["01:30 EDT", "01:30 EST"]
        assert clock(NOW, TODAY) == "15:10"

    @given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 12)), min_size=1, max_size=40))
    def test_every_run_is_drawn_within_the_day_and_wide_enough_to_hit(
        self, spans: list[tuple[float, float]]
    ) -> None:
        rows = [self.row(hour, lasts, occurrence_id=f"o{n}") for n, (hour, lasts) in enumerate(spans)]
        placed = bars(axis_of(TODAY, rows), rows)
        assert sorted(bar.row.occurrence_id for bar in placed) == sorted(row.occurrence_id for row in rows)
        for bar in placed:
            assert 0 <= bar.left < 1
            assert bar.width >= 0.004
            assert 0 <= bar.lane < LANES

    def test_due_run_without_execution_shows_reason(self) -> None:
        due = self.row(14, 2, status="PENDING", actual_reason="The source paused us until 16:00.")
        assert reason_not_run([due], et(15)) == "The source paused us until 16:00."
        assert reason_not_run([self.row(14, 2, status="PENDING")], et(15)) == "No decision is known."
        assert reason_not_run([self.row(16, status="TOO_EARLY")], et(15)) is None

    def test_times_outside_the_axis_are_clamped_to_its_edges(self) -> None:
        axis = Axis(et(0), et(24))
        assert (axis.share(et(-5)), axis.share(et(12)), axis.share(et(99))) == (0.0, 0.5, 1.0)


def test_table_cells_carry_their_column_label() -> None:
    table = (
        "<table><thead><tr><th>At</th><th class='n'>Why</th></tr></thead>"
        '<tr><td>9</td><td class="x">a &lt;td&gt;</td></tr></table>'
    )
    labelled = label_cells(table)
    assert '<td data-label="At"><span>9</span></td>' in labelled
    assert '<td data-label="Why" class="x"><span>a &lt;td&gt;</span></td>' in labelled


def test_age_is_shown_in_a_readable_unit() -> None:
    assert [ago(seconds) for seconds in (None, 0, 119, 600, 86_400, 86_400 * 3)] == [
        "never",
        "0 s",
        "119 s",
        "10 min",
        "24 h",
        "3 days",
    ]


def test_dark_scheme_sets_only_colors() -> None:
    """The scheme does not affect the layout, so browser tests check the layout only once per width."""
    style = (resources.files("tipoff_monitor.console") / "static/console.css").read_text(encoding="utf-8")
    (dark,) = re.findall(r"@media [^{]*prefers-color-scheme[^{]*\{(.*?\})\s*\}", style, re.DOTALL)
    assert re.fullmatch(r"\s*:root\s*\{(\s*--[a-z-]+:\s*#[0-9a-f]{6};)+\s*\}", dark)


@pytest.mark.parametrize("target", ["workflow", "scraper"])
def test_workflow_page_names_an_active_pause(target: str) -> None:
    world = World()
    names = {"workflow": "injury_discovery", "scraper": "nbac_injury_report"}
    world.fleet["standing_pauses"] = [
        {
            "target": target,
            "name": names[target],
            "since": et(14).isoformat(),
            "until": et(20).isoformat(),
            "changed_by": "ann@example.com",
            "why": "the report moved",
        }
    ]
    page = signed_in(world).get("/workflows/injury_discovery.json").json()
    (pause,) = [item for item in page["conditions"] if item["name"] == "pause"]
    assert "paused by ann@example.com until 2026-01-15 20:00: the report moved" in pause["detail"]
    assert [item["reason_code"] for item in page["decisions_now"]] == ["paused"]
