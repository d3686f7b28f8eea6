"""Tests of `tipoff validate`: every fault with its file and line."""

import json
from pathlib import Path

import pytest

from tests.support.seasons import WORKFLOWS
from tests.unit.cli.commands.harness import Run
from tipoff_dev.fleet import start_checks
from tipoff_dev.fleet.repository import init_fleet


class TestValidate:
    def test_own_configuration_is_valid(self, run: Run) -> None:
        assert "✔" in run("validate").stdout
        answer = json.loads(run("validate", "--json").stdout)
        assert answer["ok"]
        assert answer["workflows"] >= 2
        assert len(answer["config_hash"]) == 12

    def test_fallback_to_tipoffs_fleet_is_reported(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In an empty folder, Tipoff's own fleet was taken for the folder's."""
        note = "the fleet used is Tipoff's own"
        assert note not in run("validate").stdout
        monkeypatch.chdir(tmp_path)
        assert f"no tipoff.toml in {tmp_path} or above it: {note}" in run("validate").stdout
        assert note not in run("validate", "--json").stdout

    def test_each_fault_is_reported_with_file_and_line(self, run: Run, tmp_path: Path) -> None:
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

    def test_two_fakes_of_one_host_are_reported_with_both_files(self, run: Run, tmp_path: Path) -> None:
        """`tipoff up` refuses to start with such fakes."""
        init_fleet(tmp_path / "rivers", None, "UTC")
        fleet = tmp_path / "rivers"
        first, second = fleet / "rivers/example/fake.py", fleet / "rivers/second/fake.py"
        second.parent.mkdir()
        second.write_text(first.read_text())
        place = (str(fleet / "config/workflows.yaml"), "--scrapers", str(fleet / "rivers"))
        shown = run("validate", *place, code=1).stdout
        assert f"{second}: api.example.example has a fake already, {first}; a host may have one fake" in shown

    @pytest.mark.parametrize(
        ("added", "complaint"),
        [
            ("def broken(:", "SyntaxError: invalid syntax"),
            ("from nowhere import rivers", "No module named 'nowhere'"),
            ("print('said to nobody')\nRATIO = 1 / 0", "ZeroDivisionError: division by zero"),
        ],
    )
    def test_scraper_import_error_is_reported_with_line(
        self, run: Run, tmp_path: Path, added: str, complaint: str
    ) -> None:
        """The runner does not start with such a file."""
        fleet = tmp_path / "rivers"
        init_fleet(fleet, None, "UTC")
        scraper = fleet / "rivers/example/rivers_items/scraper.py"
        scraper.write_text(f"{scraper.read_text()}\n{added}\n")
        place = (str(fleet / "config/workflows.yaml"), "--scrapers", str(fleet / "rivers"))
        (fault,) = json.loads(run("validate", *place, "--json", code=1).stdout)["faults"]
        last = len(scraper.read_text().splitlines())
        assert fault.startswith(f"{scraper}:{last}: cannot be imported: ")
        assert complaint in fault

    def test_scraper_exiting_on_import_is_a_fault(self, run: Run, tmp_path: Path) -> None:
        fleet = tmp_path / "rivers"
        init_fleet(fleet, None, "UTC")
        (fleet / "rivers/example/rivers_items/scraper.py").write_text("raise SystemExit('no key')\n")
        place = (str(fleet / "config/workflows.yaml"), "--scrapers", str(fleet / "rivers"))
        shown = run("validate", *place, code=1).stdout
        assert "importing its scrapers ended Python with exit code 1: no key" in shown

    def test_slow_scraper_import_is_a_fault(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(start_checks, "IMPORT_SECONDS", 0.01)
        fleet = tmp_path / "rivers"
        init_fleet(fleet, None, "UTC")
        place = (str(fleet / "config/workflows.yaml"), "--scrapers", str(fleet / "rivers"))
        shown = run("validate", *place, code=1).stdout
        assert "importing its scrapers takes longer than 0.01 seconds; no module may wait or fetch" in shown

    def test_alert_rule_faults_are_reported_with_line(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        alerts = tmp_path / "alerts.yaml"
        monkeypatch.setattr(start_checks, "ALERTS", alerts)
        alerts.write_text("{\n")
        assert f"✘ {alerts}:2: not YAML: " in run("validate", code=1).stdout
        alerts.write_text("version: 1\nchannels: {}\n")
        shown = run("validate", code=1).stdout
        assert f"✘ {alerts}:1: key 'routes' is missing; add it" in shown

    def test_missing_file_is_refused(self, run: Run) -> None:
        assert "name an existing file" in run("validate", "nowhere.yaml", code=1).stdout
