"""Tests of `tipoff backfill`: past dates at a limited rate."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.seasons import WORKFLOWS
from tests.unit.cli.commands.harness import SLATE, Controller, Run
from tipoff_cli import connection, edits
from tipoff_cli.commands.backfill.command import next_name
from tipoff_cli.commands.backfill.plan import BackfillRun
from tipoff_cli.commands.backfill.submission import Asking, Clock
from tipoff_common.events import ScrapeRequested
from tipoff_common.outcomes import Failed, FailureKind, NoData, Success
from tipoff_common.wall_clock import wall_now
from tipoff_planning import expectations


class TestBackfill:
    RUN = ("backfill", "injury_discovery", "--from", "2025-01-14", "--to", "2025-01-17")

    @pytest.fixture
    def run(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
        """Run commands in event time, so that waits take no real time."""

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

    def test_workflow_not_yet_read_by_controller_is_refused(
        self,
        run: Run,
        controller: Controller,
        season: tuple[str, ...],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        edited = Path(season[-1])
        edited.write_text(edited.read_text().replace("injury_discovery:", "ache_discovery:"))
        monkeypatch.setattr(edits, "WORKFLOWS", edited)
        output = run("backfill", "ache_discovery", *self.RUN[2:], *season, code=1).stderr
        assert f"{edited} has it, but the controller has not read it yet" in output
        assert controller.bus.published == []

    def test_repeated_backfill_reports_each_date_and_requests_nothing(
        self, run: Run, controller: Controller, season: tuple[str, ...]
    ) -> None:
        controller.answers(Success(record_count=3, gcs_path="gs://d/x.json"))
        for _ in range(2):
            result = json.loads(run(*self.RUN, *season, "--json").stdout)
            assert (result["complete"], result["interrupted"]) == (True, False)
            assert [item["success"] for item in result["dates"]] == [1, 1, 1, 0]
        assert len(controller.bus.of(ScrapeRequested)) == 3

    def test_earlier_requests_are_marked(
        self, run: Run, controller: Controller, season: tuple[str, ...]
    ) -> None:
        """A repeated backfill looked as if every run had been executed again."""
        controller.answers(Success(record_count=3, gcs_path="gs://d/x.json"))
        first = (*self.RUN[:-1], "2025-01-14", *season)
        assert "before" not in run(*first).stderr
        output = run(*self.RUN, *season).stderr
        assert "1/3 2025-01-14: 1 success (requested before)\n" in output
        assert "2/3 2025-01-15: 1 success\n" in output
        assert (
            "1 of 3 runs were requested before under the name backfill and are not requested again" in output
        )

    def test_failed_run_is_reported_as_failed(
        self, run: Run, controller: Controller, season: tuple[str, ...]
    ) -> None:
        controller.answers(Failed(kind=FailureKind.BLOCKED, message="the key is refused"))
        output = run(*self.RUN, *season, code=3)
        assert "1/3 2025-01-14: 1 failed\n" in output.stderr
        assert "given_up" not in output.output

    @pytest.mark.parametrize("name", ["injury_discovery", "nbac_injury_report"])
    def test_pause_of_target_is_reported_before_requests(
        self, run: Run, controller: Controller, season: tuple[str, ...], name: str
    ) -> None:
        controller.answers(Success(record_count=3, gcs_path="gs://d/x.json"))
        run("pause", name, "--for", "8h", "--why", "[quota]")
        run("pause", "morning_operations", "--for", "8h", "--why", "another's")
        first, *others = run(*self.RUN, *season).stderr.splitlines()
        assert re.fullmatch(
            rf"{name} is paused until [-0-9]+ [:0-9]+ New York time \(\[quota\]\); a pause does not stop a backfill",
            first,
        )
        assert others[0] == "1/3 2025-01-14: 1 success"
        assert len(controller.bus.of(ScrapeRequested)) == 3

    def test_no_data_exits_3_with_retry_command(
        self, run: Run, controller: Controller, season: tuple[str, ...]
    ) -> None:
        controller.answers(NoData(reason="404"))
        output = run(*self.RUN, *season, code=3)
        assert "1/3 2025-01-14: 1 no_data" in output.stderr
        assert output.stdout.count("no_data: 404") == 3
        again = output.stderr.splitlines()[-1].split()
        assert again[:2] == ["tipoff", "backfill"]
        assert "--name backfill-retry-1" in output.stderr
        before = len(controller.bus.of(ScrapeRequested))
        run(*self.RUN, *season, code=3)
        assert len(controller.bus.of(ScrapeRequested)) == before
        run(*self.RUN, *season, "--name", "backfill-retry-1", code=3)
        assert len(controller.bus.of(ScrapeRequested)) == 2 * before

    def test_run_lacking_requests_exits_3_with_retry_command(
        self, run: Run, controller: Controller, season: tuple[str, ...]
    ) -> None:
        controller.answers(Success(record_count=3, gcs_path="gs://d/x.json"))
        run(*self.RUN, *season)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(BackfillRun, "missing_from", lambda _run, _known: 2)
            output = run(*self.RUN, *season, code=3)
        assert "the run under this name lacks 2 requests; give another --name" in output.stderr
        assert "--only-missing --name backfill-retry-1" in output.stderr

    @pytest.mark.usefixtures("controller")
    def test_interrupted_backfill_prints_resume_command(
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
        output = run(*self.RUN, *season, "--rate", "7/min", code=130)
        assert "interrupted: 0 of 3 runs have ended" in output.stderr
        command = " ".join((*self.RUN, "--rate", "7/min", *season))
        assert output.stderr.splitlines()[-1].strip() == f"tipoff {command}"
        assert "2025-01-14" in output.stdout

    def test_only_missing_leaves_out_dates_with_success(
        self,
        run: Run,
        controller: Controller,
        season: tuple[str, ...],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        controller.answer_with(
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
        assert "cannot determine the missing requests" in run(*arguments, code=1).stderr

    def test_configuration_different_from_controllers_is_reported(
        self, run: Run, controller: Controller, season: tuple[str, ...]
    ) -> None:
        controller.answers(NoData(reason="404"))
        Path(season[3]).write_text(WORKFLOWS.replace("every: 1h", "every: 2h"))
        assert "the controller's configuration is" in run(*self.RUN, *season, code=3).stderr

    @pytest.mark.parametrize(
        ("arguments", "code", "what"),
        [
            (("--from", "2025-01-16", "--to", SLATE), 2, "swap them"),
            (("--from", SLATE, "--to", "2099-01-01"), 2, "is in the future"),
            (("--from", "1850-01-15", "--to", SLATE), 2, "1850-01-15 is out of range"),
            (("--from", "2023-01-15", "--to", SLATE), 2, "are 732 dates; add --yes"),
            (("--from", SLATE, "--to", SLATE, "--rate", "often"), 2, "write 20/min"),
            (("--from", SLATE, "--to", SLATE, "--rate", "0/min"), 2, "from 1/min to 600/min"),
            (("--from", SLATE, "--to", SLATE, "--name", "My name"), 2, "is not a valid name; use at most 63"),
            (("--from", "2025-01-17", "--to", "2025-01-17"), 1, "has no game on these dates"),
        ],
    )
    def test_unusable_arguments_are_refused(
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

    def test_unknown_name_is_refused_with_suggestion(self, run: Run, season: tuple[str, ...]) -> None:
        refused = run("backfill", "injury_discover", *self.RUN[2:], *season, code=1).stderr
        assert "did you mean injury_discovery?" in refused

    def test_missing_stack_is_refused_with_start_command(self, run: Run, season: tuple[str, ...]) -> None:
        assert "tipoff up" in run(*self.RUN, *season, code=1).stderr

    @pytest.mark.usefixtures("controller")
    def test_workflow_unknown_to_controller_is_refused(self, run: Run, season: tuple[str, ...]) -> None:
        Path(season[3]).write_text(WORKFLOWS.replace("injury_discovery", "injuries"))
        refused = run("backfill", "injuries", *self.RUN[2:], *season, code=1).stderr
        assert "404: no workflow 'injuries'; there are" in refused


@pytest.mark.parametrize(
    ("name", "then"),
    [
        ("backfill", "backfill-retry-1"),
        ("backfill-retry-9", "backfill-retry-10"),
        ("season-2024", "season-2024-retry-1"),
        ("backfill-2", "backfill-2-retry-1"),
        ("x" * 63, "x" * 55 + "-retry-1"),
    ],
)
def test_next_name_increments_only_retry_suffix(name: str, then: str) -> None:
    """The name after season-2024 is not season-2025, which may be another backfill whose key requests nothing."""
    assert next_name(name) == then


@pytest.mark.parametrize("minutes", [39, 55])
def test_only_missing_warns_about_stale_dataset(
    run: Run, controller: Controller, season: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """While the logger was stuck, found outputs were listed as missing without a warning."""
    last = wall_now() - timedelta(minutes=minutes)
    controller.warehouse.answer = lambda sql, _: (
        [{"last_decided_at": last}] if sql == expectations._LAST_DECISION else []
    )
    monkeypatch.setattr(connection.Connection, "warehouse", lambda _: controller.warehouse)
    output = run(*TestBackfill.RUN, *season, "--only-missing", "--dry-run").stderr
    assert ("55 minutes ago" in output) is (minutes == 55)
