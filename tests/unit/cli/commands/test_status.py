"""Tests of `tipoff status`: the verdict on a day's expected runs."""

import json
from datetime import UTC, datetime, time
from typing import Any

import httpx
import pytest

from tests.support.pushes import KEY
from tests.unit.cli.commands.harness import EXPECTATION, URL, Controller, Run
from tipoff_cli import connection


class TestStatus:
    AS_OF = ("status", "--as-of", "2025-01-15 13:05")

    def test_green_day_starts_with_verdict_line(self, run: Run, controller: Controller) -> None:
        controller.answer_with(EXPECTATION)
        lines = run(*self.AS_OF).stdout.splitlines()
        assert lines[0] == "✔ today is all right"
        assert "injury_discovery" in lines[2]
        assert "found" in lines[2]
        assert "ON_TIME" in run(*self.AS_OF, "--all").stdout

    def test_consecutive_runs_of_equal_status_share_one_line(self, run: Run, controller: Controller) -> None:
        def slot(number: int, **changes: Any) -> dict[str, Any]:
            expected = datetime(2025, 1, 15, 15, 35 + number, tzinfo=UTC)
            return {**EXPECTATION, "occurrence_id": f"o{number}", "expected_run_time": expected, **changes}

        not_run: dict[str, Any] = {"actual_run_time": None, "executions": 0, "found": False}
        later = [slot(number, status="TOO_EARLY", **not_run) for number in (3, 4)]
        controller.answer_with(*(slot(number) for number in range(3)), *later)
        lines = [it for it in run(*self.AS_OF, "--all").stdout.splitlines() if "injury_discovery" in it]
        assert [it.partition("injury_discovery")[0].strip() for it in lines] == [
            "10:35 to 10:37, 3 times",
            "10:38 to 10:39, 2 times",
        ]

    def test_next_check_time_is_shown(self, run: Run, controller: Controller) -> None:
        controller.answer_with({**EXPECTATION, "next_check_time": datetime(2025, 1, 15, 19, tzinfo=UTC)})
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
    def test_missing_run_is_reported_in_red_verdict_line(
        self, run: Run, controller: Controller, changes: dict[str, Any], what: str
    ) -> None:
        controller.answer_with({**EXPECTATION, **changes})
        assert run(*self.AS_OF, code=2).stdout.splitlines()[0] == f"✘ today: {what}"
        answer = json.loads(run(*self.AS_OF, "--json", code=2).stdout)
        assert (answer["ok"], answer["color"], answer["source"]) == (False, "red", "controller")
        assert [fault["sentence"] for fault in answer["faults"]] == [what]
        assert answer["expectations"][0]["occurrence_id"] == "o1"
        assert what in run(*self.AS_OF, "--faults", code=2).stdout

    def test_uncollected_game_is_named(self, run: Run, controller: Controller) -> None:
        game = {**EXPECTATION, "workflow_name": "post_game", "occurrence_id": "o2", "subject": "0022400561"}
        other = {**game, "occurrence_id": "o3", "subject": "0022400562", "found": False}
        controller.answer_with(EXPECTATION, game, other)
        lines = run(*self.AS_OF, "--all", code=2).stdout.splitlines()
        assert lines[0] == "✘ today: post_game of 0022400562 ran 1 time and found nothing"
        assert any("0022400561" in line and "ON_TIME" in line for line in lines)
        assert "post_game" not in run(*self.AS_OF, "--workflow", "injury_discovery").stdout
        assert "no workflow 'x'" in run(*self.AS_OF, "--workflow", "x", code=2).stderr
        meant = run(*self.AS_OF, "--workflow", "post_games", code=2).stderr
        assert "no workflow 'post_games' was expected on 2025-01-15; did you mean post_game?" in meant

    def test_failing_step_with_a_later_run_is_yellow(self, run: Run, controller: Controller) -> None:
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
        controller.answer_with(
            row, {**EXPECTATION, **later, "occurrence_id": "o2", "executions": 0, "found": False}
        )
        assert run(*self.AS_OF, code=1).stdout.startswith(
            "! today: nbac_injury_report of injury_discovery has been failing"
        )

    def test_day_without_locked_schedule_is_not_green(self, run: Run, controller: Controller) -> None:
        controller.answer_with()
        assert "no schedule was locked for 2025-01-15" in run(*self.AS_OF, code=2).stdout
        early = run("status", "--as-of", "2025-01-15 04:59", code=1).stdout
        assert early.startswith("! today: nothing was decided in the last two days")

    def test_schedule_is_expected_by_the_time_of_the_fleets_tick(
        self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        controller.answer_with()
        monkeypatch.setattr("tipoff_cli.commands.status.lock_time", lambda: time(7))
        early, late = ("status", "--as-of", "2025-01-15 07:29"), ("status", "--as-of", "2025-01-15 07:30")
        assert "no schedule was locked" not in run(*early, code=1).stdout
        assert "no schedule was locked for 2025-01-15" in run(*late, code=2).stdout

    def test_future_as_of_is_accepted_in_event_time(
        self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        controller.answer_with(EXPECTATION)
        monkeypatch.setenv("TIPOFF_EVENT_TIME", "true")
        told = run("status", "--as-of", "tomorrow", "--json", code=2)
        assert json.loads(told.stdout)["color"] == "red"
        assert told.stderr == ""

    def test_day_before_first_record_is_unknown_without_fault(self, run: Run, controller: Controller) -> None:
        controller.answer_with({"occurrence_id": None, "known_since": datetime(2025, 1, 15, 19, tzinfo=UTC)})
        output = run("status", "--date", "2025-01-14", *self.AS_OF[1:]).stdout
        assert output.startswith(
            "· 2025-01-14: no data for that day: the oldest schedule or decision is from 2025-01-15"
        )

    def test_dataset_is_queried_without_controller_address(
        self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        controller.answer_with(EXPECTATION)
        monkeypatch.setenv("TIPOFF_CONTROLLER_URL", "")
        monkeypatch.setattr(connection.Connection, "warehouse", lambda _: controller.warehouse)
        assert json.loads(run(*self.AS_OF, "--json").stdout)["source"] == "dataset"

    @pytest.mark.parametrize(("at", "code"), [("13:40", 0), ("13:41", 2)])
    def test_stale_decisions_are_reported_with_age(
        self, run: Run, controller: Controller, at: str, code: int
    ) -> None:
        """A stuck logger looked like a controller that decided nothing."""
        controller.answer_with(EXPECTATION)
        output = run("status", "--as-of", f"2025-01-15 {at}", code=code).stdout
        age = "the dataset's newest decision is from 2025-01-15 13:00, 41 minutes ago"
        assert (age in output) == ("tipoff query heartbeats" in output) == (code == 2)

    @pytest.mark.parametrize(("found", "code"), [(True, 1), (False, 2)])
    @pytest.mark.parametrize(("environment", "seconds"), [("prod", 30), ("local", 5)])
    def test_unresponsive_controller_is_reported_in_verdict(
        self,
        run: Run,
        controller: Controller,
        monkeypatch: pytest.MonkeyPatch,
        environment: str,
        seconds: int,
        found: bool,
        code: int,
    ) -> None:
        """A hung controller was not mentioned: the dataset alone gave "today is all right"."""
        controller.answer_with({**EXPECTATION, "found": found})

        def hang(*_: Any, timeout: float, **__: Any) -> None:
            assert timeout == seconds
            raise httpx.ReadTimeout("timed out")

        monkeypatch.setenv("TIPOFF_ENVIRONMENT", environment)

        monkeypatch.setattr(controller.client, "request", hang)
        monkeypatch.setattr(connection.Connection, "warehouse", lambda _: controller.warehouse)
        output = run(*self.AS_OF, code=code).stdout
        sentence = (
            f"the controller does not answer at {URL} within {seconds} s; is its process stopped or busy?"
        )
        assert output.splitlines()[0].startswith(
            f"! today: {sentence}" if found else "✘ today: injury_discovery"
        )
        assert output.count(sentence) == 1
        assert run(*self.AS_OF, "--faults", code=code).stdout.count(sentence) == 1
        answer = json.loads(run(*self.AS_OF, "--workflow", "injury_discovery", "--json", code=code).stdout)
        assert (answer["ok"], answer["unanswered"]) == (False, sentence)

    def test_controller_refusing_caller_falls_back_to_dataset(
        self, run: Run, controller: Controller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        controller.answer_with(EXPECTATION)
        monkeypatch.setattr(controller.client, "request", lambda *_, **__: httpx.Response(403))
        monkeypatch.setattr(connection.Connection, "warehouse", lambda _: controller.warehouse)
        assert "by the dataset" in run(*self.AS_OF).stdout

    def test_unavailable_controller_and_dataset_exit_3(self, run: Run, controller: Controller) -> None:
        controller.warehouse.down = True
        refused = run(*self.AS_OF, code=3).stderr
        assert "503" in refused
        assert "the dataset cannot be queried either" in refused

    @pytest.mark.parametrize("path", ["/schedule/2025-13-01", "/schedule/2025-01-15?as_of=2025-01-15T13:00"])
    def test_endpoint_refuses_invalid_date_or_instant(self, controller: Controller, path: str) -> None:
        answer = controller.client.get(path, headers={"Authorization": f"Bearer {KEY}"})
        assert answer.status_code == 422

    def test_endpoint_refuses_unauthenticated_request(self, controller: Controller) -> None:
        assert controller.client.get("/schedule/2025-01-15").status_code == 401
