"""Tests of `tipoff scrapers`, `tipoff diagnose` and `tipoff reparse`: output and exit codes."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.samples import NOON
from tests.support.scenario import SCENARIO
from tests.unit.cli.commands.harness import Run
from tipoff_cli import connection
from tipoff_cli.checkout import REPOSITORY
from tipoff_common.events import FileLanded
from tipoff_common.ports import Parameter, Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_dataset import queries
from tipoff_dataset.queries import named
from tipoff_dev.fakes.sources.schedule_json import write_schedule
from tipoff_dev.fleet import reparse as reparse_command
from tipoff_dev.fleet.scaffold import FLEET, TESTS
from tipoff_scraper_runner.cli import SCRAPERS_DIR
from tipoff_scraper_runner.deps import Deps
from tipoff_scraper_runner.http_clients import http_opener
from tipoff_scraper_runner.registry import load_registry
from tipoff_scraper_runner.request_memory import RequestMemory

NAME = "nbac_injury_report"


class TestScrapers:
    def test_list_shows_workflows_and_output_of_each_scraper(self, run: Run) -> None:
        rows = {row["name"]: row for row in json.loads(run("scrapers", "list", "--json").stdout)}
        assert rows["oddsa_player_props"]["workflows"] == ["betting_lines"]
        assert rows["nbac_schedule"]["output"] == "nba-com/schedule/{game_date}"
        output = run("scrapers", "list").stdout
        assert all(name in output for name in rows)

    def test_show_prints_command_that_runs_scraper(self, run: Run) -> None:
        output = run("scrapers", "show", "nbac_play_by_play").stdout
        assert "tipoff scrape nbac_play_by_play --date DATE --game-id GAME_ID" in output
        assert "nba-com/play-by-play/{game_date}/{game_id}" in output

    def test_show_refuses_unknown_scraper_with_suggestion(self, run: Run) -> None:
        assert "no scraper 'xyz'; there are bdl_injuries," in run("scrapers", "show", "xyz", code=1).output
        output = run("scrapers", "show", "nbac_injury_reprot", code=1).output
        assert "did you mean nbac_injury_report" in output


class TestNew:
    @pytest.fixture
    def repository(self, tmp_path: Path) -> Path:
        for folder in (FLEET, TESTS):
            (tmp_path / folder).mkdir(parents=True)
        return tmp_path

    def new(self, run: Run, repository: Path, name: str, source: str = "elsewhere", code: int = 0) -> str:
        result = run("scrapers", "new", name, "--source", source, "--folder", str(repository), code=code)
        output: str = result.output
        return output

    def test_new_writes_scraper_folder_and_test(self, run: Run, repository: Path) -> None:
        output = self.new(run, repository, "els_items")
        written = {path.relative_to(repository) for path in repository.rglob("*.*")}
        assert written == {
            FLEET / "elsewhere/__init__.py",
            FLEET / "elsewhere/fake.py",
            *(
                FLEET / "elsewhere/els_items" / name
                for name in ("__init__.py", "__main__.py", "scraper.py", "scraper.yaml")
            ),
            TESTS / "test_els_items.py",
        }
        assert all(str(path) in output for path in written)

    def test_existing_source_package_is_kept(self, run: Run, repository: Path) -> None:
        (repository / FLEET / "elsewhere").mkdir()
        (repository / FLEET / "elsewhere/__init__.py").write_text('"""Known."""\n')
        self.new(run, repository, "els_items")
        assert (repository / FLEET / "elsewhere/__init__.py").read_text() == '"""Known."""\n'

    @pytest.mark.parametrize("source", ["elsewhere", "other"])
    def test_existing_scraper_name_is_refused_for_any_source(
        self, run: Run, repository: Path, source: str
    ) -> None:
        """Scrapers logged under other names (incident 36)."""
        self.new(run, repository, "els_items")
        before = {path: path.read_bytes() for path in repository.rglob("*.*")}
        output = self.new(run, repository, "els_items", source, code=1)
        assert "scraper 'els_items' exists already" in output
        assert {path: path.read_bytes() for path in repository.rglob("*.*")} == before

    def test_existing_test_file_is_not_replaced(self, run: Run, repository: Path) -> None:
        (repository / TESTS / "test_els_items.py").write_text("mine\n")
        assert "exists already; move it" in self.new(run, repository, "els_items", code=1)
        assert [path.name for path in repository.rglob("*.*")] == ["test_els_items.py"]

    @pytest.mark.parametrize("name", ["Items", "1st", "a-b", "../x", "a.b", ""])
    def test_invalid_name_is_refused(self, run: Run, repository: Path, name: str) -> None:
        assert "is not a valid name" in self.new(run, repository, name, code=1)
        assert "is not a valid name" in self.new(run, repository, "els_items", name, code=1)

    def test_folder_without_repository_is_refused(self, run: Run, tmp_path: Path) -> None:
        assert "name the repository's folder with --folder" in self.new(run, tmp_path, "els_items", code=1)

    def test_shipped_scraper_name_is_refused(self, run: Run) -> None:
        output = run("scrapers", "new", NAME, "--source", "elsewhere", code=1).output
        assert f"scraper '{NAME}' exists already" in output
        assert not (REPOSITORY / FLEET / "elsewhere").exists()


def row(status: str, number: int = 0, **changes: Any) -> dict[str, Any]:
    """Return an execution row, `number` hours before noon."""
    failed = status == "failed"
    return {
        "execution_id": f"execution-{number}",
        "scraper_name": NAME,
        "workflow": "injury_discovery",
        "game_date": date(2025, 1, 15),
        "status": status,
        "triggered_at": NOON - timedelta(hours=number),
        "duration_seconds": 1.5,
        "source": "CONTROLLER",
        "error_type": "blocked" if failed else None,
        "error_message": "403 for a report known to exist" if failed else None,
        "retry_count": 0,
        "data_summary": {"record_count": 100} if status == "success" else {"reason": "not yet"},
        "opts": {"game_date": "2025-01-15", "as_of": "2025-01-15T12:00:00+00:00"},
        **changes,
    }


def _with_columns(one: dict[str, Any]) -> dict[str, Any]:
    """Add the columns that the query extracts from data_summary."""
    written = one["data_summary"]
    summary = json.loads(written) if isinstance(written, str) else written
    names = ("content_sha256", "drift", "completeness")
    return {**one, "records": summary.get("record_count"), **{name: summary.get(name) for name in names}}


class TestDiagnose:
    @pytest.fixture
    def diagnosed(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
        def diagnose(*rows: dict[str, Any], code: int = 3) -> Any:
            def answer(_sql: str, parameters: Any) -> list[dict[str, Any]]:
                wanted = [one for one in rows if one["status"] in parameters["statuses"]]
                return [_with_columns(one) for one in wanted[: parameters["most"]]]

            place = connection.Connection({"TIPOFF_ENVIRONMENT": "local"}, "here")
            monkeypatch.setattr(connection.Connection, "warehouse", lambda _: MemoryWarehouse(answer=answer))
            monkeypatch.setattr("tipoff_cli.commands.diagnose.command.find_connection", lambda: place)
            options = ("--as-of", NOON.isoformat())
            result = json.loads(run("diagnose", NAME, *options, "--json", code=code).stdout)
            run("diagnose", NAME, *options, code=code)
            return result

        return diagnose

    def test_source_with_usual_volume_is_healthy(self, diagnosed: Any) -> None:
        found = diagnosed(*(row("success", number) for number in range(6)), code=0)
        assert found["verdict"] == "healthy"
        assert found["volume"] == {"last": 100, "usual": 100.0, "min": 1, "max": 600}
        assert found["findings"][0].startswith("success 6 times in a row, last at 2025-01-15 12:00 New York")

    def test_failure_has_cause_and_reproducing_command(self, diagnosed: Any) -> None:
        found = diagnosed(row("failed"), row("success", 30))
        assert found["verdict"] == "failing"
        assert "refuses this client" in found["likely_cause"]
        assert found["reproduce"] == [
            f"tipoff scrape {NAME} --date 2025-01-15 --as-of 2025-01-15T12:00:00+00:00"
        ]
        assert "last success at 2025-01-14 06:00 New York for 2025-01-15" in found["findings"]

    def test_parser_failure_is_reproduced_by_reparse(self, diagnosed: Any) -> None:
        changed = {"error_type": "source_changed", "data_summary": {"raw_path": "gs://data/raw/x.pdf"}}
        found = diagnosed(row("failed", **changed))
        assert found["reproduce"][0] == f"tipoff reparse {NAME} --date 2025-01-15"

    @pytest.mark.parametrize("kind", ["timeout", "http", "internal", "quota", "decode"])
    def test_each_failure_kind_has_cause(self, diagnosed: Any, kind: str) -> None:
        assert diagnosed(row("failed", error_type=kind))["likely_cause"]

    @pytest.mark.parametrize(
        ("kind", "causes"),
        [
            (
                "http",
                ("4xx means that the source does not serve", "broken-off answer", "this network is cut off"),
            ),
            ("timeout", ("no complete answer in time",)),
        ],
    )
    def test_likely_cause_covers_each_http_and_timeout_reason(
        self, diagnosed: Any, kind: str, causes: tuple[str, ...]
    ) -> None:
        """A 410 and a truncated body were explained as a source that is down or a broken network."""
        found = diagnosed(row("failed", error_type=kind))
        assert all(cause in found["likely_cause"] for cause in causes)

    @pytest.mark.parametrize(
        ("summary", "cause"),
        [
            (
                {"not_before": "2025-01-15T17:10:00+00:00", "paused_host": "api.example.com"},
                "requested a pause until 2025-01-15 12:10 New York; requests resume",
            ),
            ({"quota": {"used": 500, "remaining": 0}}, "the paid allowance is used up"),
            ({"not_before": "soon"}, "the paid allowance is used up"),
        ],
        ids=["pause", "spent", "unreadable"],
    )
    def test_requested_pause_is_not_reported_as_spent_allowance(
        self, diagnosed: Any, summary: Any, cause: str
    ) -> None:
        """For a 429 with Retry-After `diagnose` advised to buy more quota from a free source."""
        found = diagnosed(row("failed", error_type="quota", data_summary=summary))
        assert cause in found["likely_cause"]

    def test_first_no_data_results_are_waiting(self, diagnosed: Any) -> None:
        before = row("success", 20, game_date=date(2025, 1, 14))
        found = diagnosed(row("no_data"), row("no_data", 1), before, code=0)
        assert found["verdict"] == "waiting"

    @pytest.mark.parametrize(
        ("status", "verdict", "code"), [("no_data", "waiting", 0), ("failed", "failing", 3)]
    )
    @pytest.mark.parametrize("days", [-4, 300])
    def test_runs_of_other_game_dates_do_not_change_verdict(
        self, diagnosed: Any, status: str, verdict: str, code: int, days: int
    ) -> None:
        """A backfill of old dates made a scraper healthy whose data of the day was not found."""
        others = [
            row("success", number, game_date=date(2025, 1, 15) + timedelta(days)) for number in range(3)
        ]
        found = diagnosed(*others, row(status, 3), code=code)
        assert found["verdict"] == verdict
        assert f"{status} once, last at 2025-01-15 09:00 New York for 2025-01-15: " in found["findings"][0]
        assert found["runs"][0]["status"] == "success"

    @pytest.mark.parametrize("times", [1, 8])
    def test_source_that_withdrew_data_is_suspect(self, diagnosed: Any, times: int) -> None:
        """`diagnose` printed "is waiting: nothing is published yet" seconds after a success for the same date."""
        found = diagnosed(*(row("no_data", number) for number in range(times)), row("success", 9))
        assert found["verdict"] == "suspect"
        assert found["likely_cause"] == (
            "the source withdrew the data found for 2025-01-15 at 2025-01-15 03:00 New York; look at its page"
        )

    def test_success_with_other_parameters_is_no_withdrawal(self, diagnosed: Any) -> None:
        before = row("success", 1, opts={"game_date": "2025-01-15", "as_of": "2025-01-15T11:00:00+00:00"})
        assert diagnosed(row("no_data"), before, code=0)["verdict"] == "waiting"

    def test_incident_5_persistent_no_data_is_quiet(self, diagnosed: Any) -> None:
        """A 403 that was recorded as no_data left a system stale for nine days."""
        found = diagnosed(*(row("no_data", number) for number in range(8)))
        assert found["verdict"] == "quiet"
        assert "may look alike" in found["likely_cause"]
        assert "no success in the log" in found["findings"]

    def test_drift_in_successful_run_is_suspect(self, diagnosed: Any) -> None:
        drift = {"added": ["game.colour"], "missing_optional": []}
        found = diagnosed(row("success", data_summary={"record_count": 100, "drift": drift}))
        assert found["verdict"] == "suspect"
        assert "drift, added: game.colour" in found["findings"]

    @pytest.mark.parametrize(
        ("count", "verdict", "message"),
        [
            (67, "suspect", "67 of 167 items set aside, e.g. items[1] has no key 'name'"),
            (12, "suspect", "12 of 112 items set aside, e.g. items[1] has no key 'name'"),
            (11, "healthy", "11 of 111 items set aside, e.g. items[1] has no key 'name'"),
        ],
    )
    def test_items_set_aside_are_reported_and_suspect_above_limit(
        self, diagnosed: Any, count: int, verdict: str, message: str
    ) -> None:
        """Each run lost two of five items, and the scraper was reported as healthy."""
        lost = {"count": count, "examples": ["items[1] has no key 'name'"]}
        summary = {"record_count": 100, "set_aside": lost, "raw_path": "gs://data/raw/x.json"}
        found = diagnosed(row("success", data_summary=summary), code=0 if verdict == "healthy" else 3)
        assert found["verdict"] == verdict
        assert message in found["findings"]
        assert found["likely_cause"].startswith(message if verdict == "suspect" else "")
        assert found["reproduce"][0].startswith("tipoff reparse") is (verdict == "suspect")

    def test_limit_of_items_set_aside_comes_from_alert_query(
        self, diagnosed: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        written = named("alert_items_set_aside").sql.replace("FLOAT64 = 10 ", "FLOAT64 = 50 ")
        (tmp_path / "alert_items_set_aside.sql").write_text(written)
        monkeypatch.setattr(queries, "FOLDER", tmp_path)
        summary = {"record_count": 100, "set_aside": {"count": 67, "examples": ["x"]}}
        assert diagnosed(row("success", data_summary=summary), code=0)["verdict"] == "healthy"

    @pytest.mark.parametrize(
        ("status", "verdict", "code"), [("success", "suspect", 3), ("no_data", "waiting", 0)]
    )
    def test_contradictions_are_reported(self, diagnosed: Any, status: str, verdict: str, code: int) -> None:
        """The alert sources-contradict links to `diagnose`, which reported the scraper as healthy."""
        odd = {"count": 2, "examples": ["BOS@MIA is final at 0:0", "NYK@PHI is tied"]}
        found = diagnosed(row(status, data_summary={"record_count": 100, "contradictions": odd}), code=code)
        assert found["verdict"] == verdict
        assert "2 contradictions, e.g. BOS@MIA is final at 0:0" in found["findings"]

    @pytest.mark.parametrize("status", ["success", "no_data"])
    @pytest.mark.parametrize("is_low", [True, False])
    def test_a_low_allowance_is_limited(self, diagnosed: Any, status: str, is_low: bool) -> None:
        """The scraper was healthy with 411 of 500 used, while `tipoff sick` printed "quota low"."""
        quota = {"used": 411, "remaining": 89, "warning": is_low}
        found = diagnosed(
            row(status, data_summary={"record_count": 100, "quota": quota}), code=3 if is_low else 0
        )
        usual = "healthy" if status == "success" else "waiting"
        assert found["verdict"] == ("limited" if is_low else usual)
        assert ("allowance is low" in found["likely_cause"]) is is_low
        assert "quota: 411 used, 89 left" in found["findings"]

    def test_unusual_volume_is_suspect(self, diagnosed: Any) -> None:
        less = row("success", data_summary={"record_count": 30})
        found = diagnosed(less, *(row("success", number) for number in range(1, 6)))
        assert found["verdict"] == "suspect"
        assert "30 records, usually 100; 1 to 600 are accepted" in found["findings"]

    def test_incident_9_missing_items_are_named(self, diagnosed: Any) -> None:
        summary = {"record_count": 100, "completeness": {"expected": 9, "got": 8, "missing": ["NYK@PHI"]}}
        found = diagnosed(row("success", data_summary=summary), code=0)
        assert found["verdict"] == "partial"
        assert "missing in the last document: NYK@PHI" in found["findings"]

    def test_json_columns_may_come_as_text(self, diagnosed: Any) -> None:
        found = diagnosed(row("success", data_summary='{"record_count": 7}', opts="{}"), code=0)
        assert found["volume"]["last"] == 7

    def test_scraper_without_runs_is_unknown(self, diagnosed: Any) -> None:
        found = diagnosed()
        assert found["verdict"] == "unknown"
        assert found["reproduce"] == [f"tipoff scrape {NAME} --date DATE"]

    def test_missing_stack_is_refused_with_start_command(self, run: Run) -> None:
        assert "tipoff up" in run("diagnose", NAME, code=1).output

    def test_workflow_name_is_refused_with_explain_command(self, run: Run) -> None:
        output = run("diagnose", "injury_discovery", code=1).output
        assert (
            "'injury_discovery' is a workflow, not a scraper; use: tipoff explain injury_discovery" in output
        )

    def test_unavailable_dataset_exits_1(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        def answer(_sql: str, _parameters: Any) -> list[dict[str, Any]]:
            raise Unavailable("no dataset")

        place = connection.Connection({}, "here")
        monkeypatch.setattr(connection.Connection, "warehouse", lambda _: MemoryWarehouse(answer=answer))
        monkeypatch.setattr("tipoff_cli.commands.diagnose.command.find_connection", lambda: place)
        assert "no dataset" in run("diagnose", NAME, code=1).output

    def test_query_is_limited_to_environment_and_days(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arguments: list[dict[str, Parameter]] = []

        def answer(_sql: str, parameters: Any) -> list[dict[str, Any]]:
            arguments.append(dict(parameters))
            return []

        place = connection.Connection({"TIPOFF_ENVIRONMENT": "staging"}, "here")
        monkeypatch.setattr(connection.Connection, "warehouse", lambda _: MemoryWarehouse(answer=answer))
        monkeypatch.setattr("tipoff_cli.commands.diagnose.command.find_connection", lambda: place)
        run("diagnose", NAME, "--as-of", NOON.isoformat(), code=3)
        assert {one["environment"] for one in arguments} == {"staging"}
        assert [one["last_day"] for one in arguments] == [date(2025, 1, 15)] * 2


class TestReparse:
    @pytest.fixture
    def deps(self, monkeypatch: pytest.MonkeyPatch) -> Deps:
        registry = load_registry(SCRAPERS_DIR)
        deps = Deps(
            environment="local",
            registry=registry,
            memory=RequestMemory(MemoryObjects("state")),
            data=MemoryObjects("data"),
            publisher=Publisher("scraper-runner", RecordingBus()),
            open_http=http_opener(),
        )
        monkeypatch.setattr(reparse_command, "connect", lambda _registry, _stack: deps)
        return deps

    def keep(self, deps: Deps, body: bytes, at: datetime = NOON) -> None:
        metadata = {"parameters": '{"game_date": "2025-01-15"}', "fetched-at": at.isoformat()}
        name = "raw/nba-com/schedule/2025-01-15/0123456789abcdef.json"
        deps.data.put(name, body, content_type="application/json", metadata=metadata)

    def test_kept_payload_is_parsed_again_and_lands(self, run: Run, deps: Deps) -> None:
        self.keep(deps, write_schedule(SCENARIO, NOON))
        (item,) = json.loads(run("reparse", "nbac_schedule", "--game-date", "2025-01-15", "--json").stdout)
        assert (item["status"], item["announced"], item["changed"]) == ("success", True, False)
        assert item["gcs_path"].startswith("gs://data/nba-com/schedule/2025-01-15/")
        output = run("reparse", "nbac_schedule", "--game-date", "2025-01-15").stdout
        assert "nothing changed" in output
        assert "announced" not in output

    def test_undecodable_payload_exits_1(self, run: Run, deps: Deps) -> None:
        self.keep(deps, b"{")
        output = run("reparse", "nbac_schedule", "--game-date", "2025-01-15", code=1).output
        assert "failed (decode)" in output

    def test_missing_payload_exits_3(self, run: Run, deps: Deps) -> None:
        assert deps.registry
        output = run("reparse", "nbac_schedule", "--game-date", "2025-01-15", code=3).stdout
        assert "no payload of nbac_schedule is kept for 2025-01-15" in output

    def test_missing_stack_is_refused_with_start_command(self, run: Run) -> None:
        output = run("reparse", "nbac_schedule", "--game-date", "2025-01-15", code=1).output
        assert "tipoff up" in output

    def test_reparse_refuses_unknown_scraper_with_known_scrapers(self, run: Run) -> None:
        assert "there are bdl_injuries" in run("reparse", "x", "--game-date", "2025-01-15", code=1).output

    def test_reparse_uses_scrapers_of_current_fleet(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """`diagnose` prints this command, which found only the shipped scrapers in another fleet's folder."""
        monkeypatch.setattr("tipoff_cli.checkout.SCRAPERS", tmp_path / "own_scrapers")
        output = run("reparse", "nbac_schedule", "--date", "2025-01-15", code=1).output
        assert "bdl_injuries" not in output
        assert "own_scrapers" in output

    def test_only_new_content_is_announced(self, run: Run, deps: Deps) -> None:
        self.keep(deps, write_schedule(SCENARIO, NOON))
        for _ in range(2):
            run("reparse", "nbac_schedule", "--game-date", "2025-01-15")
        bus = deps.publisher._bus
        assert isinstance(bus, RecordingBus)
        assert len(bus.of(FileLanded)) == 1
