"""`tipoff validate`: every fault of a file by file and line."""

import json
from pathlib import Path

from tests.support.seasons import WORKFLOWS
from tests.unit.cli.commands.harness import Run
from tipoff_dev.fleet.repository import init_fleet


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
