"""The `tipoff` commands that plan, explain, ask for and look: what they print, and what they say when they cannot."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from tests.support.seasons import WORKFLOWS, write_season
from tipoff_cli import connection, controller_client
from tipoff_cli.calendars import payload_parser
from tipoff_cli.checkout import SCRAPERS
from tipoff_cli.commands.backfill.submission import Asking, Clock
from tipoff_cli.main import app
from tipoff_common.auth import Authentication
from tipoff_common.authenticated_routes import CallLimit, authenticated_router
from tipoff_common.binding import Envelope
from tipoff_common.catalog import load_catalog
from tipoff_common.clock import business_date
from tipoff_common.events import PauseChanged, ScrapeRequested, WorkflowDecided
from tipoff_common.executions import build_execution
from tipoff_common.outcomes import Failed, FailureKind, NoData, Outcome, Success
from tipoff_common.publisher import Publisher
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_common.wall_clock import wall_now
from tipoff_common.web import create_app
from tipoff_controller.app import routes
from tipoff_controller.bootstrap import Wiring
from tipoff_controller.deps import Deps
from tipoff_controller.discovery_store import DiscoveryStore
from tipoff_controller.follow_ups import note_execution
from tipoff_controller.ledger import Ledger
from tipoff_controller.manual import begin_manual_run
from tipoff_controller.occurrence_store import OccurrenceStore
from tipoff_controller.pause_store import PauseStore
from tipoff_controller.settings import ControllerSettings
from tipoff_dev.fakes.sources.testing import in_process_client
from tipoff_dev.fleet.repository import init_fleet
from tipoff_planning.explanation import explain_workflow
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_planning.loading import load_workflows
from tipoff_planning.schedule_file import read_calendar_file

KEY = "development-key"
URL = "http://controller.test"
SLATE = "2025-01-15"

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No stack, wherever the tests run."""
    for name in ("TIPOFF_PROJECT", "TIPOFF_CONTROLLER_URL", "TIPOFF_DEVELOPMENT_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(connection, "STACK_ENVIRONMENT", tmp_path / "no-stack.env")
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def season(tmp_path: Path) -> tuple[str, ...]:
    """Options that name a schedule and a configuration."""
    file = tmp_path / "workflows.yaml"
    file.write_text(WORKFLOWS)
    return ("--schedule", str(write_season(tmp_path)), "--workflows", str(file))


@pytest.fixture
def run() -> Run:
    def invoke(*arguments: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return invoke


class TestHelp:
    def test_every_command_is_listed_by_its_name(self, run: Run) -> None:
        listed = {line.strip("│ ").split(" ")[0] for line in run("--help").output.splitlines()}
        assert listed >= {"up", "scrape", "validate", "scrapers", "dead-letters", "files", "tables"}


class TestScrape:
    def test_help_is_usage(self, run: Run) -> None:
        assert "tipoff scrape NAME --help" in run("scrape", "--help").output
        assert "Usage" in run("scrape", code=2).output


class TestTrace:
    @pytest.mark.parametrize("empty", ["", " "])
    def test_an_empty_id_is_like_none(self, run: Run, empty: str) -> None:
        result = run("trace", empty, code=2)
        assert "an empty ID names nothing" in result.stderr
        assert "near" not in result.output


class TestValidate:
    def test_the_projects_own_configuration_is_right(self, run: Run) -> None:
        assert "✔" in run("validate").stdout
        answer = json.loads(run("validate", "--json").stdout)
        assert answer["ok"]
        assert answer["workflows"] >= 2
        assert len(answer["config_hash"]) == 12

    def test_every_fault_is_named_with_file_and_line(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "workflows.yaml"
        file.write_text(
            WORKFLOWS.replace("nbac_injury_report\n", "nbac_injury\n").replace(
                "step: oddsa_events", "step: odds"
            )
        )
        topics = tmp_path / "topics.yaml"
        topics.write_text("topics: {}\n")
        arguments = ("validate", str(file), "--topics", str(topics))
        shown = run(*arguments, code=1).stdout
        lines = file.read_text().splitlines()
        for word in ("nbac_injury\n", "step: odds,"):
            line = next(n for n, text in enumerate(lines, 1) if word.strip() in text)
            assert f"{file}:{line}: " in shown
        assert f"{topics}:" in shown
        answer = json.loads(run(*arguments, "--json", code=1).stdout)
        assert not answer["ok"]
        assert answer["workflows"] is None
        assert len(answer["faults"]) == len(shown.splitlines())

    def test_two_fakes_of_one_host_are_told_with_both_files(self, run: Run, tmp_path: Path) -> None:
        """`tipoff up` would refuse to start."""
        init_fleet(tmp_path / "rivers", None, "UTC")
        fleet = tmp_path / "rivers"
        first, second = fleet / "rivers/example/fake.py", fleet / "rivers/second/fake.py"
        second.parent.mkdir()
        second.write_text(first.read_text())
        place = (str(fleet / "config/workflows.yaml"), "--scrapers", str(fleet / "rivers"))
        shown = run("validate", *place, code=1).stdout
        assert f"{second}: api.example.example has a fake already, {first}; a host has one fake" in shown

    def test_a_file_that_is_not_there(self, run: Run) -> None:
        assert "name an existing file" in run("validate", "nowhere.yaml", code=1).stdout


class TestSchedule:
    def test_a_day_is_listed_by_time(self, run: Run, season: tuple[str, ...]) -> None:
        answer = json.loads(run("schedule", "--date", SLATE, "--json", *season).stdout)
        assert answer["games"] == 11
        times = [item["expected"] for item in answer["occurrences"]]
        assert times == sorted(times)
        first = answer["occurrences"][0]
        assert (first["workflow"], first["expected_local"], first["subject"]) == (
            "morning_operations",
            "05:00",
            "-",
        )
        assert sum(item["workflow"] == "post_game" for item in answer["occurrences"]) == 11 * 8

    def test_either_form_of_a_date_is_the_same_day(self, run: Run, season: tuple[str, ...]) -> None:
        shown = run("schedule", "--date", "20250115", *season).stdout
        assert shown == run("schedule", "--date", SLATE, *season).stdout
        assert "Wednesday 15 January 2025, 11 games" in shown
        assert " +1" in shown  # box scores of late games are due after midnight

    def test_a_landed_document_is_read_too(self, run: Run, season: tuple[str, ...], tmp_path: Path) -> None:
        from tipoff_planning.schedule_file import read_games

        parse = payload_parser(load_catalog(SCRAPERS)["nbac_schedule"])
        records = [game.model_dump(mode="json") for game in read_games(Path(season[1]), parse)]
        landed = tmp_path / "landed.json"
        landed.write_text(json.dumps({"scraper": "nbac_schedule", "records": records}))
        both = [
            json.loads(run("schedule", "--date", SLATE, "--json", "--schedule", file, *season[2:]).stdout)
            for file in (season[1], str(landed))
        ]
        assert both[0]["occurrences"] == both[1]["occurrences"]

    @pytest.mark.parametrize("body", ["", "{", "[]", '{"records": []}', '{"leagueSchedule": {}}'])
    def test_a_file_that_is_no_schedule_is_refused(
        self, run: Run, season: tuple[str, ...], tmp_path: Path, body: str
    ) -> None:
        file = tmp_path / "broken.json"
        file.write_text(body)
        refused = run("schedule", "--date", SLATE, "--schedule", str(file), *season[2:], code=1)
        assert f"{file}: is no schedule" in refused.stderr

    def test_without_a_stack_a_file_is_asked_for(self, run: Run) -> None:
        refused = run("schedule", "--date", SLATE, code=1).stderr
        assert "tipoff up" in refused
        assert "--schedule" in refused

    def test_today_when_no_date_is_given(self, run: Run, season: tuple[str, ...]) -> None:
        answer = json.loads(run("schedule", "--json", *season).stdout)
        assert answer["date"] == business_date(wall_now()).isoformat()

    def test_a_date_that_no_game_can_have(self, run: Run, season: tuple[str, ...]) -> None:
        assert (
            "no game can be on 1850-01-15" in run("schedule", "--date", "1850-01-15", *season, code=2).stderr
        )

    def test_what_is_no_date(self, run: Run, season: tuple[str, ...]) -> None:
        assert "write 2025-01-15 or 20250115" in run("schedule", "--date", "someday", *season, code=2).stderr


class TestExplain:
    @pytest.mark.parametrize(
        ("at", "action", "code", "unmet"),
        [
            ("2025-01-15 11:05", "RUN", "due", set()),
            ("2025-01-15T16:05:00Z", "RUN", "due", set()),
            ("2025-01-15 09:00", "SKIP", "too_early", {"window"}),
            ("2025-01-15 20:00", "SKIP", "not_found", {"window"}),
            ("2025-01-17 11:05", "SKIP", "no_games", {"window", "games"}),
        ],
    )
    def test_each_condition_and_the_decision(
        self, run: Run, season: tuple[str, ...], at: str, action: str, code: str, unmet: set[str]
    ) -> None:
        answer = json.loads(run("explain", "injury_discovery", "--at", at, "--json", *season).stdout)
        (decision,) = answer["decisions"]
        assert (decision["action"], decision["reason_code"]) == (action, code)
        conditions = [*answer["conditions"], *decision["conditions"]]
        assert {item["name"] for item in conditions if not item["met"]} == unmet
        assert "assumed empty" in answer["history"]

    def test_a_workflow_for_each_game_has_a_decision_for_each(
        self, run: Run, season: tuple[str, ...]
    ) -> None:
        shown = run("explain", "post_game", "--at", "2025-01-15 23:50", *season).stdout
        assert shown.count("RUN due") > 1
        assert "attempt 1 of 8" in shown

    def test_a_day_without_anything_to_do_is_no_subject(self, run: Run, season: tuple[str, ...]) -> None:
        shown = run("explain", "post_game", "--at", "2025-07-15 13:00", *season).stdout
        assert "nothing is expected today or tomorrow" in shown
        assert "none-due" not in shown

    def test_what_needs_no_games_needs_no_calendar(self, run: Run) -> None:
        assert "RUN due" in run("explain", "morning_operations", "--at", "2025-01-15 06:00").stdout
        shown = run("explain", "morning_operations", "--at", "2025-01-15 13:00").stdout
        assert "RUN calendar_stale" in shown
        assert "games: none, as no stack is reachable" in shown
        assert "name a file with --schedule" in run("explain", "post_game", code=1).stderr

    def test_a_name_that_is_not_known(self, run: Run, season: tuple[str, ...]) -> None:
        refused = run("explain", "injuries", "--at", "2025-01-15 11:05", *season, code=1)
        assert "there are morning_operations, injury_discovery" in refused.stderr

    def test_now_when_no_time_is_given(self, run: Run, season: tuple[str, ...]) -> None:
        answer = json.loads(run("explain", "injury_discovery", "--json", *season).stdout)
        assert abs(datetime.fromisoformat(answer["at"]) - wall_now()) < timedelta(minutes=5)

    def test_a_calendar_that_is_newer_than_the_instant_has_no_age(self, season: tuple[str, ...]) -> None:
        configuration = load_workflows(Path(season[3]), load_catalog(SCRAPERS))
        at = datetime(2025, 1, 15, 16, 5, tzinfo=UTC)
        parse = payload_parser(configuration.catalog["nbac_schedule"])
        calendar = read_calendar_file(Path(season[1]), at + timedelta(days=3), parse)
        told = explain_workflow("injury_discovery", at, configuration, calendar)
        condition = told.general[0]
        assert (condition.name, condition.met) == ("calendar", True)
        assert (
            condition.detail
            == "fetched 3 days later: the games as they are known since, not as they were then"
        )

    def test_what_is_no_time(self, run: Run, season: tuple[str, ...]) -> None:
        assert "is no time" in run("explain", "post_game", "--at", "noon", *season, code=2).stderr


class TestSimulate:
    DAYS = ("--from", SLATE, "--to", SLATE)

    def test_the_numbers_as_json(self, run: Run, season: tuple[str, ...]) -> None:
        answer = json.loads(run("simulate", *season, *self.DAYS, "--seed", "7", "--json").stdout)
        assert (answer["games"], answer["seed"], answer["ticks"]) == (11, 7, 2 * 96)
        assert answer["workflows"]["post_game"]["found"] == 11
        assert answer["sources"]["nbacom"]["requests"] > 0

    def test_a_span_without_any_game_is_no_success(self, run: Run, season: tuple[str, ...]) -> None:
        told = run("simulate", *season, "--from", "2019-01-01", "--to", "2019-01-03", code=1)
        assert "no game from 2019-01-01 to 2019-01-03; its games are from 20" in told.output

    def test_two_configurations_side_by_side(self, run: Run, season: tuple[str, ...], tmp_path: Path) -> None:
        other = tmp_path / "other.yaml"
        other.write_text(WORKFLOWS.replace("every: 1h", "every: 15m"))
        arguments = ("simulate", *season, *self.DAYS, "--compare", str(other))
        answer = json.loads(run(*arguments, "--json").stdout)["configurations"]
        hourly, quarterly = (item["workflows"]["injury_discovery"] for item in answer.values())
        assert hourly["attempts"] < quarterly["attempts"]
        assert (
            hourly["delay"]["median"] >= quarterly["delay"]["median"]
        )  # the same publication, looked for more often
        assert list(answer) == [season[3], str(other)]
        assert "other.yaml" in run(*arguments).stdout

    def test_what_was_missed_is_told_and_is_the_exit_code(
        self, run: Run, season: tuple[str, ...], tmp_path: Path
    ) -> None:
        world = tmp_path / "world.yaml"
        world.write_text("name: dark\noutages: [{start: 2025-01-01T00:00:00Z, end: 2025-02-01T00:00:00Z}]\n")
        shown = run("simulate", *season, *self.DAYS, "--world", str(world), code=3).stdout
        assert "nbac_injury_report failed: http (2025-01-15)" in shown

    def test_runs_that_never_came_are_listed_with_their_times(
        self, run: Run, season: tuple[str, ...]
    ) -> None:
        arguments = ("simulate", *season, *self.DAYS, "--tick-every", "8h")
        shown = run(*arguments, code=3).stdout
        answer = json.loads(run(*arguments, "--json", code=3).stdout)
        numbers = answer["workflows"]["injury_discovery"]
        assert len(numbers["missing_runs"]) == numbers["statuses"]["MISSING"]
        count = len(numbers["missing_runs"])
        assert re.search(rf"injury_discovery MISSING {count} times?: no run at 2025-01-1\d \d\d:\d\d", shown)

    @pytest.mark.parametrize(
        ("arguments", "code", "what"),
        [
            (("--from", "2025-01-16", "--to", SLATE), 2, "swap them"),
            ((*DAYS, "--tick-every", "often"), 2, "not a duration"),
            ((*DAYS, "--tick-every", "48h"), 2, "from 1m to 24h"),
            ((*DAYS, "--world", "nowhere.yaml"), 1, "name an existing file"),
            ((*DAYS, "--compare", "nowhere.yaml"), 1, "name an existing file"),
        ],
    )
    def test_wrong_use(
        self, run: Run, season: tuple[str, ...], arguments: tuple[str, ...], code: int, what: str
    ) -> None:
        assert what in run("simulate", *season, *arguments, code=code).stderr


EXPECTATION = {
    "date": datetime(2025, 1, 15, tzinfo=UTC).date(),
    "workflow_name": "injury_discovery",
    "occurrence_id": "o1",
    "subject": "-",
    "expected_run_time": datetime(2025, 1, 15, 16, tzinfo=UTC),
    "deadline": datetime(2025, 1, 15, 17, tzinfo=UTC),
    "games_today": 11,
    "priority": "HIGH",
    "expected_reason": "discovery",
    "actual_run_time": datetime(2025, 1, 15, 16, tzinfo=UTC),
    "action": "RUN",
    "reason_code": "due",
    "actual_reason": "Due since 11:00.",
    "executions": 1,
    "found": True,
    "status": "ON_TIME",
    "next_check_time": datetime(2025, 1, 15, 18, tzinfo=UTC),
}


class Controller:
    """A controller in memory, which answers what httpx asks."""

    def __init__(self, folder: Path) -> None:
        settings = ControllerSettings(
            environment="local", project="p", data_bucket="d", state_bucket="s", development_key=KEY
        )
        (folder / "controller.yaml").write_text(WORKFLOWS)
        configuration = load_workflows(folder / "controller.yaml", load_catalog(SCRAPERS))
        self.bus, self.warehouse = RecordingBus(), MemoryWarehouse()
        data, state = MemoryObjects("data"), MemoryObjects("state")
        self.deps = deps = Deps(
            environment="local",
            configuration=configuration,
            calendar=LandedCalendar(data, "nba-com/schedule"),
            ledger=Ledger(state),
            occurrences=OccurrenceStore(state),
            discovery=DiscoveryStore(state),
            pauses=PauseStore(state),
            warehouse=self.warehouse,
            publisher=Publisher("controller", self.bus),
        )
        self._hear_of_manual_runs()
        made = create_app(
            service="controller", description="", environment="local", config_hash="h", checks={}
        )
        wiring = Wiring(made, _no_push, authenticated_router(Authentication(settings), CallLimit(100)), deps)  # type: ignore[arg-type]
        self.client = in_process_client(routes(wiring))

    def _hear_of_manual_runs(self) -> None:
        """Bring the decisions of manual runs back to the controller, as its subscription does."""
        publish = self.bus.publish

        def push(envelopes: Iterable[Envelope]) -> None:
            sent = list(envelopes)
            publish(sent)
            for event in [item.payload for item in sent]:
                if isinstance(event, WorkflowDecided) and event.reason_code == "manual":
                    begin_manual_run(event, self.deps, event.decision_time)

        self.bus.publish = push  # type: ignore[method-assign]

    def answers(self, outcome: Outcome) -> None:
        """What becomes of each request, at once."""
        publish = self.bus.publish

        def run(envelopes: Iterable[Envelope]) -> None:
            sent = list(envelopes)
            publish(sent)
            for request in [item.payload for item in sent]:
                if isinstance(request, ScrapeRequested):
                    done = build_execution(
                        request,
                        outcome,
                        environment="local",
                        triggered_at=request.requested_at,
                        completed_at=request.requested_at,
                    )
                    note_execution(done, self.deps, request.requested_at)

        self.bus.publish = run  # type: ignore[method-assign]

    def tells(self, *rows: Mapping[str, Any]) -> None:
        """What the dataset answers."""
        self.warehouse.answer = lambda _sql, _parameters: [dict(row) for row in rows]


def _no_push() -> None:
    raise AssertionError("nothing is pushed here")


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Controller]:
    monkeypatch.setenv("TIPOFF_CONTROLLER_URL", URL)
    monkeypatch.setenv("TIPOFF_DEVELOPMENT_KEY", KEY)
    found = Controller(tmp_path)

    found.client.base_url = httpx.URL(URL)
    monkeypatch.setattr(controller_client, "client", lambda: found.client)
    with found.client:
        yield found


class TestTrigger:
    RUN = ("trigger", "morning_operations", "--game-date", SLATE)

    def test_a_dry_run_requests_nothing(self, run: Run, controller: Controller) -> None:
        answer = json.loads(run(*self.RUN, "--dry-run", "--json").stdout)
        assert [item["scraper"] for item in answer["requests"]] == ["nbac_schedule"]
        assert answer["requests"][0]["game_date"] == SLATE
        assert controller.bus.published == []

    def test_a_workflow_that_what_runs_has_not_read_yet(
        self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        edited = tmp_path / "workflows.yaml"
        edited.write_text("workflows: {tides: {}}")
        monkeypatch.setattr("tipoff_cli.commands.trigger.WORKFLOWS", edited)
        told = run("trigger", "tides", "--game-date", SLATE, code=1).output
        assert f"{edited} has it, and what runs was started before that" in told.replace("\n", "")
        told = run("trigger", "tide", "--game-date", SLATE, code=1).output
        assert "started before" not in told
        assert controller.bus.published == []

    def test_the_same_key_is_the_same_run(self, run: Run, controller: Controller) -> None:
        for _ in range(2):
            shown = run(*self.RUN, "--idempotency-key", "k").stdout
            occurrence = controller.bus.of(ScrapeRequested)[0].occurrence_id
            assert shown.splitlines()[-1] == f"tipoff trace {occurrence}"
        assert len({request.request_id for request in controller.bus.of(ScrapeRequested)}) == 1

    def test_a_run_is_followed_to_its_end(self, run: Run, controller: Controller) -> None:
        controller.answers(Success(record_count=3, gcs_path="gs://d/x.json"))
        *_, ended, traced = run(*self.RUN, "--wait").stdout.splitlines()
        assert ended == "✔ nbac_schedule success"
        assert traced == f"tipoff trace {controller.bus.of(ScrapeRequested)[0].occurrence_id}"

    def test_a_run_that_fails_ends_with_the_reason_and_code_1(self, run: Run, controller: Controller) -> None:
        controller.answers(Failed(kind=FailureKind.BLOCKED, message="the key is refused"))
        shown = run(*self.RUN, "--wait", code=1).stdout
        assert "✘ nbac_schedule failed: blocked: the key is refused" in shown
        told = json.loads(run(*self.RUN, "--wait", "--json", code=1).stdout)
        assert (told["settled"], told["units"][0]["message"]) == (True, "the key is refused")

    def test_a_dry_run_has_no_end_to_wait_for(self, run: Run, controller: Controller) -> None:
        assert "leave one out" in run(*self.RUN, "--wait", "--dry-run", code=2).stderr
        assert controller.bus.published == []

    @pytest.mark.parametrize(
        ("arguments", "what"),
        [
            (
                ("trigger", "evening_operations"),
                "404: no workflow 'evening_operations'; did you mean morning_operations?",
            ),
            (("trigger", "zzz"), "404: no workflow 'zzz'; there are"),
            (
                (*RUN, "--scraper", "nbac_scedule"),
                "422: scrapers: no scraper of morning_operations 'nbac_scedule'; did you mean nbac_schedule?",
            ),
        ],
    )
    def test_what_the_controller_refuses_is_told(
        self, run: Run, controller: Controller, arguments: tuple[str, ...], what: str
    ) -> None:
        assert what in run(*arguments, code=1).stderr
        assert controller.bus.published == []

    def test_how_far_a_run_has_come_is_asked_by_its_key(self, run: Run, controller: Controller) -> None:
        run(*self.RUN, "--idempotency-key", "mine/1")
        path = "/workflows/morning_operations/runs/mine%2F1"
        told = controller.client.get(path, headers={"Authorization": f"Bearer {KEY}"}).json()
        assert (told["game_date"], told["settled"], told["units"][0]["state"]) == (SLATE, False, "under_way")
        assert controller.client.get(path).status_code == 401

    def test_a_wrong_key(self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TIPOFF_DEVELOPMENT_KEY", "wrong")
        assert "403" in run(*self.RUN, code=1).stderr
        assert controller.bus.published == []

    def test_without_a_stack(self, run: Run) -> None:
        assert "tipoff up" in run(*self.RUN, code=1).stderr

    def test_a_controller_that_does_not_answer(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TIPOFF_CONTROLLER_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("TIPOFF_DEVELOPMENT_KEY", KEY)
        assert "does not answer at http://127.0.0.1:9" in run(*self.RUN, code=1).stderr

    def test_a_key_is_never_sent_to_a_controller_of_another_place(
        self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "no-stack.env").write_text(f"TIPOFF_DEVELOPMENT_KEY={KEY}\n")
        monkeypatch.delenv("TIPOFF_DEVELOPMENT_KEY")
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "gcloud is not installed" in run(*self.RUN, code=1).stderr
        assert controller.bus.published == []

    def test_gclouds_identity_token_stands_in_for_the_key(
        self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        gcloud = tmp_path / "gcloud"
        gcloud.write_text(f"#!/bin/sh\necho {KEY}\n")
        gcloud.chmod(0o755)
        monkeypatch.delenv("TIPOFF_DEVELOPMENT_KEY")
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "requested" in run(*self.RUN).stdout
        assert len(controller.bus.of(ScrapeRequested)) == 1


class TestPause:
    ASKED = ("pause", "morning_operations", "--for", "8h", "--why", "the source moved")

    def test_what_is_paused_is_listed_with_who_and_why_until_it_goes_on(
        self, run: Run, controller: Controller
    ) -> None:
        assert "workflow morning_operations is paused until" in run(*self.ASKED).stdout
        (item,) = json.loads(run("pauses", "--json").stdout)
        assert (item["name"], item["why"]) == ("morning_operations", "the source moved")
        assert item["by"] == controller.bus.of(PauseChanged)[0].by
        assert "goes on with the next evaluation" in run("resume", "morning_operations").stdout
        assert run("pauses").stdout == "nothing is paused\n"
        assert [event.state.value for event in controller.bus.of(PauseChanged)] == ["paused", "resumed"]

    def test_without_an_end_it_lasts_the_night(self, run: Run, controller: Controller) -> None:
        made = json.loads(run("pause", "nbac_schedule", "--why", "quota", "--json").stdout)
        assert made["target"] == "scraper"
        (event,) = controller.bus.of(PauseChanged)
        assert event.until - event.since == timedelta(hours=12)

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("pause", "nothing", "--why", "w"), "404: no workflow or scraper 'nothing'"),
            (
                ("pause", "nbac_schedule", "--why", "w", "--until", "2025-01-01 09:00"),
                "422: until: 2025-01-01",
            ),
            (("pause", "nbac_schedule", "--why", "w", "--target", "workflow"), "404: no workflow or scraper"),
            (("resume", "nbac_schedule"), "404: 'nbac_schedule' is not paused; paused is nothing"),
        ],
    )
    def test_what_the_controller_refuses_is_told(
        self, run: Run, controller: Controller, arguments: tuple[str, ...], told: str
    ) -> None:
        assert told in run(*arguments, code=1).stderr
        assert controller.bus.published == []

    def test_two_ends_are_wrong_usage(self, run: Run) -> None:
        run(*self.ASKED, "--until", "tomorrow 09:00", code=2)


class TestBackfill:
    RUN = ("backfill", "injury_discovery", "--from", "2025-01-14", "--to", "2025-01-17")

    @pytest.fixture
    def run(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
        """In event time, so that minutes are not waited for."""

        def invoke(*arguments: str, code: int = 0) -> Any:
            monkeypatch.setenv("TIPOFF_EVENT_TIME", "true")
            return run(*arguments, code=code)

        return invoke

    def test_a_dry_run_lists_each_date_and_requests_nothing(
        self, run: Run, controller: Controller, season: tuple[str, ...]
    ) -> None:
        answer = json.loads(run(*self.RUN, *season, "--dry-run", "--json").stdout)
        assert [(item["date"], item["requests"]) for item in answer["dates"]] == [
            ("2025-01-14", 1),
            ("2025-01-15", 1),
            ("2025-01-16", 1),
            ("2025-01-17", 0),
        ]
        shown = run(*self.RUN, *season, "--dry-run").stdout
        assert "4 dates, 3 runs, 3 requests; at 20/min in 0:00:06 at the least" in shown
        assert "1 date left out: no games" in shown
        assert controller.bus.published == []

    def test_each_date_is_told_and_a_second_time_nothing_is_asked(
        self, run: Run, controller: Controller, season: tuple[str, ...]
    ) -> None:
        controller.answers(Success(record_count=3, gcs_path="gs://d/x.json"))
        for _ in range(2):
            told = json.loads(run(*self.RUN, *season, "--json").stdout)
            assert (told["complete"], told["interrupted"]) == (True, False)
            assert [item["success"] for item in told["dates"]] == [1, 1, 1, 0]
        assert len(controller.bus.of(ScrapeRequested)) == 3

    def test_what_was_not_found_is_the_exit_code_and_how_to_ask_again_is_told(
        self, run: Run, controller: Controller, season: tuple[str, ...]
    ) -> None:
        controller.answers(NoData(reason="404"))
        told = run(*self.RUN, *season, code=3)
        assert "1/3 2025-01-14: 1 no_data" in told.stderr
        again = told.stderr.splitlines()[-1].split()
        assert again[:2] == ["tipoff", "backfill"]
        assert "--name backfill-2" in told.stderr
        before = len(controller.bus.of(ScrapeRequested))
        run(*self.RUN, *season, code=3)
        assert len(controller.bus.of(ScrapeRequested)) == before
        run(*self.RUN, *season, "--name", "backfill-2", code=3)
        assert len(controller.bus.of(ScrapeRequested)) == 2 * before

    @pytest.mark.usefixtures("controller")
    def test_interrupted_it_says_how_to_go_on(
        self,
        run: Run,
        season: tuple[str, ...],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def pressed(_seconds: float) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(
            "tipoff_cli.commands.backfill.command.Asking", partial(Asking, clock=Clock(sleep=pressed))
        )
        told = run(*self.RUN, *season, "--rate", "7/min", code=130)
        assert "interrupted: 0 of 3 runs have ended" in told.stderr
        command = " ".join((*self.RUN, "--rate", "7/min", *season))
        assert told.stderr.splitlines()[-1].strip() == f"tipoff {command}"
        assert "2025-01-14" in told.stdout

    def test_only_what_has_no_success(
        self,
        run: Run,
        controller: Controller,
        season: tuple[str, ...],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        controller.tells(
            {
                "request_id": "r",
                "scraper_name": "nbac_injury_report",
                "game_date": date(2025, 1, 15),
                "status": "success",
                "error_type": None,
                "source": "CONTROLLER",
                "triggered_at": datetime(2025, 1, 15, 18, tzinfo=UTC),
                "opts": "{}",
                "completeness": None,
            }
        )
        monkeypatch.setattr(connection.Connection, "warehouse", lambda _: controller.warehouse)
        arguments = (*self.RUN, *season, "--only-missing", "--dry-run", "--json")
        dates = {item["date"]: item["without"] for item in json.loads(run(*arguments).stdout)["dates"]}
        assert dates == {
            "2025-01-14": None,
            "2025-01-15": "found before",
            "2025-01-16": None,
            "2025-01-17": "no games",
        }
        controller.warehouse.down = True
        assert "what is missing cannot be told" in run(*arguments, code=1).stderr

    def test_another_configuration_than_the_controllers_is_told(
        self, run: Run, controller: Controller, season: tuple[str, ...]
    ) -> None:
        controller.answers(NoData(reason="404"))
        Path(season[3]).write_text(WORKFLOWS.replace("every: 1h", "every: 2h"))
        assert "the controller decides by configuration" in run(*self.RUN, *season, code=3).stderr

    @pytest.mark.parametrize(
        ("arguments", "code", "what"),
        [
            (("--from", "2025-01-16", "--to", SLATE), 2, "swap them"),
            (("--from", SLATE, "--to", "2099-01-01"), 2, "is in the future"),
            (("--from", "1850-01-15", "--to", SLATE), 2, "no game can be on 1850-01-15"),
            (("--from", "2023-01-15", "--to", SLATE), 2, "are 732 dates; add --yes"),
            (("--from", SLATE, "--to", SLATE, "--rate", "often"), 2, "write 20/min"),
            (("--from", SLATE, "--to", SLATE, "--rate", "0/min"), 2, "from 1/min to 600/min"),
            (("--from", SLATE, "--to", SLATE, "--name", "My name"), 2, "small letters"),
            (("--from", "2025-01-17", "--to", "2025-01-17"), 1, "knows no game of these dates"),
        ],
    )
    def test_wrong_use(
        self,
        run: Run,
        controller: Controller,
        season: tuple[str, ...],
        arguments: tuple[str, ...],
        code: int,
        what: str,
    ) -> None:
        assert what in run("backfill", "injury_discovery", *season, *arguments, code=code).stderr
        assert controller.bus.published == []

    def test_a_name_that_is_not_known(self, run: Run, season: tuple[str, ...]) -> None:
        refused = run("backfill", "injury_discover", *self.RUN[2:], *season, code=1).stderr
        assert "did you mean injury_discovery?" in refused

    def test_without_a_stack(self, run: Run, season: tuple[str, ...]) -> None:
        assert "tipoff up" in run(*self.RUN, *season, code=1).stderr

    @pytest.mark.usefixtures("controller")
    def test_a_workflow_that_the_controller_does_not_have(self, run: Run, season: tuple[str, ...]) -> None:
        Path(season[3]).write_text(WORKFLOWS.replace("injury_discovery", "injuries"))
        refused = run("backfill", "injuries", *self.RUN[2:], *season, code=1).stderr
        assert "404: no workflow 'injuries'; there are" in refused


class TestStatus:
    AS_OF = ("status", "--as-of", "2025-01-15 13:05")

    def test_one_green_line_first(self, run: Run, controller: Controller) -> None:
        controller.tells(EXPECTATION)
        lines = run(*self.AS_OF).stdout.splitlines()
        assert lines[0] == "✔ today is all right"
        assert "injury_discovery" in lines[2]
        assert "found" in lines[2]
        assert "ON_TIME" in run(*self.AS_OF, "--all").stdout

    def test_runs_of_one_status_in_a_row_are_one_line_with_their_range(
        self, run: Run, controller: Controller
    ) -> None:
        def slot(number: int, **changes: Any) -> dict[str, Any]:
            expected = datetime(2025, 1, 15, 15, 35 + number, tzinfo=UTC)
            return {**EXPECTATION, "occurrence_id": f"o{number}", "expected_run_time": expected, **changes}

        not_run: dict[str, Any] = {"actual_run_time": None, "executions": 0, "found": False}
        later = [slot(number, status="TOO_EARLY", **not_run) for number in (3, 4)]
        controller.tells(*(slot(number) for number in range(3)), *later)
        lines = [it for it in run(*self.AS_OF, "--all").stdout.splitlines() if "injury_discovery" in it]
        assert [it.partition("injury_discovery")[0].strip() for it in lines] == [
            "10:35 to 10:37, 3 times",
            "10:38 to 10:39, 2 times",
        ]

    def test_when_it_is_looked_at_next(self, run: Run, controller: Controller) -> None:
        controller.tells({**EXPECTATION, "next_check_time": datetime(2025, 1, 15, 19, tzinfo=UTC)})
        assert "Wed 14:00" in run(*self.AS_OF).stdout

    @pytest.mark.parametrize(
        ("changes", "what"),
        [
            (
                {"status": "MISSING", "actual_run_time": None, "executions": 0, "found": False},
                "injury_discovery did not run at 11:00",
            ),
            ({"found": False}, "injury_discovery ran 1 time and found nothing"),
        ],
    )
    def test_one_red_line_says_what_is_missing(
        self, run: Run, controller: Controller, changes: dict[str, Any], what: str
    ) -> None:
        controller.tells({**EXPECTATION, **changes})
        assert run(*self.AS_OF, code=2).stdout.splitlines()[0] == f"✘ today: {what}"
        answer = json.loads(run(*self.AS_OF, "--json", code=2).stdout)
        assert (answer["ok"], answer["color"], answer["source"]) == (False, "red", "controller")
        assert [fault["sentence"] for fault in answer["faults"]] == [what]
        assert answer["expectations"][0]["occurrence_id"] == "o1"
        assert what in run(*self.AS_OF, "--faults", code=2).stdout

    def test_one_game_that_was_not_collected_is_named(self, run: Run, controller: Controller) -> None:
        game = {**EXPECTATION, "workflow_name": "post_game", "occurrence_id": "o2", "subject": "0022400561"}
        other = {**game, "occurrence_id": "o3", "subject": "0022400562", "found": False}
        controller.tells(EXPECTATION, game, other)
        lines = run(*self.AS_OF, "--all", code=2).stdout.splitlines()
        assert lines[0] == "✘ today: post_game of 0022400562 ran 1 time and found nothing"
        assert any("0022400561" in line and "ON_TIME" in line for line in lines)
        assert "post_game" not in run(*self.AS_OF, "--workflow", "injury_discovery").stdout
        assert "no workflow 'x'" in run(*self.AS_OF, "--workflow", "x", code=2).stderr
        meant = run(*self.AS_OF, "--workflow", "post_games", code=2).stderr
        assert "no workflow 'post_games' was expected on 2025-01-15; did you mean post_game?" in meant

    def test_a_step_that_will_be_asked_again_is_yellow(self, run: Run, controller: Controller) -> None:
        step = {
            "scraper": "nbac_injury_report",
            "units": 1,
            "attempts": 1,
            "units_failed": 1,
            "error_type": "http",
        }
        later = {
            "expected_run_time": datetime(2025, 1, 15, 19, tzinfo=UTC),
            "actual_run_time": None,
            "status": "TOO_EARLY",
        }
        row = {**EXPECTATION, **step, "found": False, "deadline": datetime(2025, 1, 15, 19, tzinfo=UTC)}
        controller.tells(
            row, {**EXPECTATION, **later, "occurrence_id": "o2", "executions": 0, "found": False}
        )
        assert run(*self.AS_OF, code=1).stdout.startswith(
            "! today: nbac_injury_report of injury_discovery fails"
        )

    def test_a_day_that_nobody_locked_is_not_all_right(self, run: Run, controller: Controller) -> None:
        controller.tells()
        assert "no schedule was locked for 2025-01-15" in run(*self.AS_OF, code=2).stdout
        early = run("status", "--as-of", "2025-01-15 04:59").stdout
        assert early.startswith("· today: nothing is known yet, its schedule is locked at 05:00")

    def test_the_dataset_is_asked_when_the_controller_cannot_be(
        self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        controller.tells(EXPECTATION)
        monkeypatch.setenv("TIPOFF_CONTROLLER_URL", "")
        monkeypatch.setattr(connection.Connection, "warehouse", lambda _: controller.warehouse)
        assert json.loads(run(*self.AS_OF, "--json").stdout)["source"] == "dataset"

    def test_without_either(self, run: Run, controller: Controller) -> None:
        controller.warehouse.down = True
        refused = run(*self.AS_OF, code=3).stderr
        assert "503" in refused
        assert "the dataset cannot be asked either" in refused

    @pytest.mark.parametrize("path", ["/schedule/2025-13-01", "/schedule/2025-01-15?as_of=2025-01-15T13:00"])
    def test_the_endpoint_refuses_what_is_no_date_or_instant(self, controller: Controller, path: str) -> None:
        answer = controller.client.get(path, headers={"Authorization": f"Bearer {KEY}"})
        assert answer.status_code == 422

    def test_the_endpoint_answers_no_stranger(self, controller: Controller) -> None:
        assert controller.client.get("/schedule/2025-01-15").status_code == 401


def test_wrong_use_ends_with_two(run: Run) -> None:
    run("simulate", "--nonsense", code=2)
