"""Tests of `tipoff pause`, `resume` and `pauses`."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.cli.commands.harness import Controller, Run
from tipoff_cli import edits
from tipoff_common.events import PauseChanged


class TestPause:
    PAUSE = ("pause", "morning_operations", "--for", "8h", "--why", "the source moved")

    def test_pause_is_listed_with_user_and_reason_until_resumed(
        self, run: Run, controller: Controller
    ) -> None:
        assert "workflow morning_operations is paused until" in run(*self.PAUSE).stdout
        (item,) = json.loads(run("pauses", "--json").stdout)
        assert (item["name"], item["why"]) == ("morning_operations", "the source moved")
        assert item["by"] == controller.bus.of(PauseChanged)[0].by
        assert "resumes with the next evaluation" in run("resume", "morning_operations").stdout
        assert run("pauses").stdout == "nothing is paused\n"
        assert [event.state.value for event in controller.bus.of(PauseChanged)] == ["paused", "resumed"]

    def test_pause_without_end_lasts_12_hours(self, run: Run, controller: Controller) -> None:
        made = json.loads(run("pause", "nbac_schedule", "--why", "quota", "--json").stdout)
        assert made["target"] == "scraper"
        (event,) = controller.bus.of(PauseChanged)
        assert event.until - event.since == timedelta(hours=12)

    def test_workflow_not_yet_read_by_controller_is_refused(
        self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        edited = tmp_path / "workflows.yaml"
        edited.write_text("workflows: {tides: {}}")
        monkeypatch.setattr(edits, "WORKFLOWS", edited)
        output = run("pause", "tides", "--why", "w", code=1).stderr
        assert f"{edited} has it, but the controller has not read it yet" in output
        assert "has not read it yet" not in run("pause", "tide", "--why", "w", code=1).stderr
        assert controller.bus.published == []

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("pause", "nothing", "--why", "w"), "404: no workflow or scraper 'nothing'"),
            (("pause", "morning_operation", "--why", "w"), "did you mean morning_operations?"),
            (
                ("pause", "nbac_schedule", "--why", "w", "--for", "60d"),
                "is more than 30 days away; end the pause by",
            ),
            (
                ("pause", "nbac_schedule", "--why", "w", "--until", "2025-01-01 09:00"),
                "422: until: 2025-01-01 09:00 EST has passed",
            ),
            (
                ("pause", "nbac_schedule", "--why", "w", "--target", "workflow"),
                "404: no workflow 'nbac_schedule'; it is a scraper",
            ),
            (("resume", "nbac_schedule"), "404: 'nbac_schedule' is not paused; pauses: none"),
        ],
    )
    def test_controller_refusal_is_reported(
        self, run: Run, controller: Controller, arguments: tuple[str, ...], message: str
    ) -> None:
        assert message in run(*arguments, code=1).stderr
        assert controller.bus.published == []

    @pytest.mark.parametrize(
        "arguments",
        [("pause", "nbac_schedule", "--why", "w"), ("resume", "nbac_schedule")],
        ids=["pause", "resume"],
    )
    def test_a_misspelt_target_is_wrong_usage(self, run: Run, arguments: tuple[str, ...]) -> None:
        output = run(*arguments, "--target", "scrapper", code=2).stderr
        assert "unknown target 'scrapper'; use one of workflow, scraper" in output

    @pytest.mark.parametrize("why", ["", " ", "\t\u3000"])
    def test_a_blank_reason_is_wrong_usage(self, run: Run, why: str) -> None:
        assert "give a reason" in run("pause", "nbac_schedule", "--why", why, code=2).stderr

    def test_two_ends_are_wrong_usage(self, run: Run) -> None:
        run(*self.PAUSE, "--until", "tomorrow 09:00", code=2)
