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

    def test_a_workflow_that_what_runs_has_not_read_yet(
        self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        edited = tmp_path / "workflows.yaml"
        edited.write_text("workflows: {tides: {}}")
        monkeypatch.setattr(edits, "WORKFLOWS", edited)
        told = run("trigger", "tides", "--game-date", SLATE, code=1).output
        assert f"{edited} has it, but the controller has not read it yet" in told.replace("\n", "")
        told = run("trigger", "tide", "--game-date", SLATE, code=1).output
        assert "has not read it yet" not in told
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
        assert ended == "✔ nbac_schedule success, 3 records"
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

    @pytest.mark.parametrize(
        ("log", "told"),
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
    def test_a_stack_that_ended_by_itself_is_told_of(
        self, run: Run, tmp_path: Path, command: tuple[str, ...], code: int, log: str, told: bool
    ) -> None:
        (tmp_path / "stack.log").write_text(log)
        shown = run(*command, code=code).stderr
        ended = f"the last stack ended unexpectedly: logger ended with exit code -9 (see {tmp_path / 'stack.log'})"
        assert (f"no stack runs here: {ended}; start a stack" in shown) is told
        assert "ended" in shown or "no stack runs here; start a stack" in shown

    def test_a_controller_that_does_not_answer(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TIPOFF_CONTROLLER_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("TIPOFF_DEVELOPMENT_KEY", KEY)
        assert "cannot connect to the controller at http://127.0.0.1:9" in run(*self.RUN, code=1).stderr

    def test_a_service_that_an_edit_keeps_from_starting_is_told_of(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        environment, edited = tmp_path / "no-stack.env", tmp_path / "workflows.yaml"
        environment.write_text(f"TIPOFF_CONTROLLER_URL=http://127.0.0.1:9\nTIPOFF_DEVELOPMENT_KEY={KEY}\n")
        monkeypatch.setattr(edits, "STACK_ENVIRONMENT", environment)
        monkeypatch.setattr(edits, "look", lambda: {edited: "after"})
        edits.note_read(environment, {edited: "before"})
        edits.note_refused(environment, "controller cannot start until this is fixed: no such key")
        told = run(*self.RUN, code=1).stderr
        assert "cannot connect to the controller at" in told
        assert told.endswith("controller cannot start until this is fixed: no such key\n")

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
