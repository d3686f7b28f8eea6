"""Tests of `tipoff trigger`: start and progress of a manual run."""

import json
from pathlib import Path

import pytest

from tests.support.pushes import KEY
from tests.unit.cli.commands.harness import SLATE, Controller, Run
from tipoff_cli import edits
from tipoff_common.events import ScrapeRequested
from tipoff_common.outcomes import Failed, FailureKind, Success


class TestTrigger:
    RUN = ("trigger", "morning_operations", "--game-date", SLATE)

    def test_a_dry_run_requests_nothing(self, run: Run, controller: Controller) -> None:
        answer = json.loads(run(*self.RUN, "--dry-run", "--json").stdout)
        assert [item["scraper"] for item in answer["requests"]] == ["nbac_schedule"]
        assert answer["requests"][0]["game_date"] == SLATE
        assert controller.bus.published == []

    def test_workflow_not_yet_read_by_controller_is_refused(
        self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        edited = tmp_path / "workflows.yaml"
        edited.write_text("workflows: {tides: {}}")
        monkeypatch.setattr(edits, "WORKFLOWS", edited)
        output = run("trigger", "tides", "--game-date", SLATE, code=1).output
        assert f"{edited} has it, but the controller has not read it yet" in output.replace("\n", "")
        output = run("trigger", "tide", "--game-date", SLATE, code=1).output
        assert "has not read it yet" not in output
        assert controller.bus.published == []

    def test_same_idempotency_key_gives_same_run(self, run: Run, controller: Controller) -> None:
        for _ in range(2):
            shown = run(*self.RUN, "--idempotency-key", "k").stdout
            occurrence = controller.bus.of(ScrapeRequested)[0].occurrence_id
            assert shown.splitlines()[-1] == f"tipoff trace {occurrence}"
        assert len({request.request_id for request in controller.bus.of(ScrapeRequested)}) == 1

    def test_wait_follows_run_to_success(self, run: Run, controller: Controller) -> None:
        controller.answers(Success(record_count=3, gcs_path="gs://d/x.json"))
        *_, ended, traced = run(*self.RUN, "--wait").stdout.splitlines()
        assert ended == "✔ nbac_schedule success, 3 records"
        assert traced == f"tipoff trace {controller.bus.of(ScrapeRequested)[0].occurrence_id}"

    def test_wait_for_failed_run_exits_1_with_reason(self, run: Run, controller: Controller) -> None:
        controller.answers(Failed(kind=FailureKind.BLOCKED, message="the key is refused"))
        shown = run(*self.RUN, "--wait", code=1).stdout
        assert "✘ nbac_schedule failed: blocked: the key is refused" in shown
        result = json.loads(run(*self.RUN, "--wait", "--json", code=1).stdout)
        assert (result["settled"], result["units"][0]["message"]) == (True, "the key is refused")

    @pytest.mark.parametrize("option", [(), ("--dry-run",), ("--wait",)])
    def test_future_date_is_refused(self, run: Run, controller: Controller, option: tuple[str, ...]) -> None:
        """A run for next year found nothing, and `diagnose` called a broken scraper waiting."""
        for later in ("2099-01-01", "tomorrow"):
            refused = run("trigger", "morning_operations", "--date", later, *option, code=2).stderr
            assert "is in the future; today in New York is " in refused
        assert controller.bus.published == []

    def test_wait_and_dry_run_together_are_refused(self, run: Run, controller: Controller) -> None:
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
    def test_controller_refusal_is_reported(
        self, run: Run, controller: Controller, arguments: tuple[str, ...], what: str
    ) -> None:
        assert what in run(*arguments, code=1).stderr
        assert controller.bus.published == []

    def test_run_progress_is_served_by_idempotency_key(self, run: Run, controller: Controller) -> None:
        run(*self.RUN, "--idempotency-key", "mine/1")
        path = "/workflows/morning_operations/runs/mine%2F1"
        result = controller.client.get(path, headers={"Authorization": f"Bearer {KEY}"}).json()
        assert (result["game_date"], result["settled"], result["units"][0]["state"]) == (
            SLATE,
            False,
            "under_way",
        )
        assert controller.client.get(path).status_code == 401

    def test_wrong_development_key_is_refused(
        self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TIPOFF_DEVELOPMENT_KEY", "wrong")
        assert "403" in run(*self.RUN, code=1).stderr
        assert controller.bus.published == []

    def test_missing_stack_is_refused_with_start_command(self, run: Run) -> None:
        assert "tipoff up" in run(*self.RUN, code=1).stderr

    @pytest.mark.parametrize(
        ("log", "is_reported"),
        [
            ("logger ended with exit code -9:\nits last line\n(log: logger.log)\n", True),
            (
                "edits refused: scraper.py\ncontroller cannot start: controller ended with exit code 2:\n",
                False,
            ),
            ("controller: http://127.0.0.1:8081\n", False),
        ],
        ids=["ended", "survived", "stopped"],
    )
    @pytest.mark.parametrize(
        ("command", "code"), [(RUN, 1), (("status",), 3), (("alerts", "list"), 1), (("sick",), 3)]
    )
    def test_only_unexpected_end_of_last_stack_is_reported(
        self, run: Run, tmp_path: Path, command: tuple[str, ...], code: int, log: str, is_reported: bool
    ) -> None:
        (tmp_path / "stack.log").write_text(log)
        shown = run(*command, code=code).stderr
        ended = f"the last stack ended unexpectedly: logger ended with exit code -9 (see {tmp_path / 'stack.log'})"
        assert (f"no stack runs here: {ended}; start a stack" in shown) is is_reported
        assert "ended" in shown or "no stack runs here; start a stack" in shown

    def test_unreachable_controller_is_named_with_address(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TIPOFF_CONTROLLER_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("TIPOFF_DEVELOPMENT_KEY", KEY)
        assert "cannot connect to the controller at http://127.0.0.1:9" in run(*self.RUN, code=1).stderr

    def test_edit_that_blocks_controller_start_is_reported(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        environment, edited = tmp_path / "no-stack.env", tmp_path / "workflows.yaml"
        environment.write_text(f"TIPOFF_CONTROLLER_URL=http://127.0.0.1:9\nTIPOFF_DEVELOPMENT_KEY={KEY}\n")
        monkeypatch.setattr(edits, "STACK_ENVIRONMENT", environment)
        monkeypatch.setattr(edits, "look", lambda: {edited: "after"})
        edits.note_read(environment, {edited: "before"})
        edits.note_refused(environment, "controller cannot start until this is fixed: no such key")
        output = run(*self.RUN, code=1).stderr
        assert "cannot connect to the controller at" in output
        assert output.endswith("controller cannot start until this is fixed: no such key\n")

    def test_stack_key_is_not_sent_to_other_controller(
        self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "no-stack.env").write_text(f"TIPOFF_DEVELOPMENT_KEY={KEY}\n")
        monkeypatch.delenv("TIPOFF_DEVELOPMENT_KEY")
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "gcloud is not installed" in run(*self.RUN, code=1).stderr
        assert controller.bus.published == []

    def test_gcloud_identity_token_replaces_missing_development_key(
        self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        gcloud = tmp_path / "gcloud"
        gcloud.write_text(f"#!/bin/sh\necho {KEY}\n")
        gcloud.chmod(0o755)
        monkeypatch.delenv("TIPOFF_DEVELOPMENT_KEY")
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "requested" in run(*self.RUN).stdout
        assert len(controller.bus.of(ScrapeRequested)) == 1
