"""Tests of `tipoff files`: the report on one file, from the dataset's rows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.support.samples import NOON
from tests.unit.cli.commands.harness import Run
from tipoff_cli.commands import files as commands
from tipoff_cli.connection import Connection
from tipoff_cli.main import app
from tipoff_common.events import FileLanded, Source
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.file_rows import ReceiptRow, SightingRow
from tipoff_common.identity import content_hash
from tipoff_common.ports import Parameter, Unavailable
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_dataset.dead_letters import DeadLetter
from tipoff_dataset.file_verdict import FileState, judge
from tipoff_dataset.landed_files import (
    FileSelector,
    LandedFile,
    LatestCleanup,
    NoFileNamed,
    StatedFinding,
)

PATH = "gs://data/nba-com/injury/2025-01-15/0123456789abcdef.json"
OTHER = "gs://data/nba-com/injury/2025-01-14/0123999999999999.json"
WROTE = ExecutionRow(
    execution_id="e-1",
    scraper_name="nbac_injury_report",
    status="success",
    source="CONTROLLER",
    triggered_at=NOON,
    completed_at=NOON,
    workflow="injury_discovery",
    game_date=date(2025, 1, 15),
    records=30,
)
RECEIPT = ReceiptRow(OTHER, "injuries", NOON + timedelta(minutes=1), 30, "r-1")
RUN = LatestCleanup(NOON + timedelta(hours=8), True, [], lost_after_hours=6, max_republishes=3)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def seen(*republished: bool) -> list[SightingRow]:
    """Return hourly cleanup runs that found the file missing."""
    return [
        SightingRow(PATH, f"c-{number}", NOON + hours(number), 60 * number, again)
        for number, again in enumerate(republished, start=1)
    ]


class TestJudging:
    landed = LandedFile(PATH, [WROTE])

    def judged(
        self, file: LandedFile, after: float, cleanup: LatestCleanup | None = RUN
    ) -> tuple[FileState, str, str]:
        verdict = judge(file, cleanup, NOON + hours(after))
        return verdict.state, verdict.why, verdict.next

    def test_limits_come_from_latest_cleanup(self) -> None:
        patient = replace(RUN, lost_after_hours=12, max_republishes=9)
        _, _, following = self.judged(self.landed, 7, patient)
        assert "after 12 hours" in following
        _, why, _ = self.judged(replace(self.landed, sightings=seen(True)), 3, patient)
        assert "1 of at most 9" in why

    def test_unrecorded_limits_are_not_shown(self) -> None:
        older = replace(RUN, lost_after_hours=None, max_republishes=None)
        _, why, _ = self.judged(replace(self.landed, sightings=seen(True, True, True, True)), 9, older)
        assert why == "republished 4 times, and no receipt yet"
        state, why, following = self.judged(self.landed, 9, older)
        assert state is FileState.WAITING
        assert "hours" not in why + following

    def test_file_with_receipt_is_processed_despite_sightings(self) -> None:
        processed = replace(self.landed, receipts=[RECEIPT], sightings=seen(True, True, True, False))
        assert self.judged(processed, 9)[0] is FileState.PROCESSED

    def test_receipt_without_known_execution_is_reported(self) -> None:
        state, why, then = self.judged(LandedFile(PATH, receipts=[RECEIPT]), 1)
        assert (state, "no known execution" in why, "--since" in then) == (FileState.PROCESSED, True, True)

    @pytest.mark.parametrize(
        ("after", "cleanup", "why", "then"),
        [
            (1, RUN, "may be behind", "after 6 hours"),
            (7, None, "no cleanup has run", "heartbeats"),
            (7, replace(RUN, cleanup_time=NOON + hours(5)), "no cleanup has run", "heartbeats"),
            (9, replace(RUN, errors=["no receipts"]), "no receipts", "the latest cleanup"),
        ],
    )
    def test_file_not_reported_missing_is_waiting(
        self, after: float, cleanup: LatestCleanup | None, why: str, then: str
    ) -> None:
        state, result, comes_next = self.judged(self.landed, after, cleanup)
        assert state is FileState.WAITING
        assert why in result
        assert then in comes_next

    @pytest.mark.parametrize("cleaned_after", [6, 8])
    def test_lost_limit_includes_its_exact_instant(self, cleaned_after: int) -> None:
        ran = replace(RUN, cleanup_time=NOON + hours(cleaned_after))
        _, why, _ = self.judged(self.landed, 6, ran)
        assert why == "no receipt for over 6 hours, and cleanup does not report it as missing"

    @pytest.mark.parametrize(
        ("republished", "state", "then"),
        [
            ((False,), FileState.LOST, "a later cleanup"),
            ((True,), FileState.REPUBLISHED, "republishes it"),
            ((True, False), FileState.REPUBLISHED, "republishes it"),
            ((True, True, True), FileState.REPUBLISHED, "gives the file up"),
            ((True, True, True, False), FileState.REPUBLISHED, "gives the file up"),
        ],
    )
    def test_missing_file_is_republished_until_given_up(
        self, republished: tuple[bool, ...], state: FileState, then: str
    ) -> None:
        """A file was republished forever (incident 17): each file has a cap and then a final state."""
        missed = replace(self.landed, sightings=seen(*republished))
        found, _, comes_next = self.judged(missed, 9)
        assert (found, then in comes_next) == (state, True)
        given_up = StatedFinding(PATH, NOON + hours(9), "given_up", "republished 3 times without a receipt")
        assert self.judged(replace(missed, findings=[given_up]), 10)[:2] == (
            FileState.GIVEN_UP,
            given_up.detail,
        )

    @pytest.mark.parametrize(
        ("kind", "meant", "remedy"),
        [
            ("object_missing", FileState.GONE, "the next cleanup announces it"),
            ("content_differs", FileState.CHANGED, "the next cleanup announces it"),
            ("foreign_path", FileState.FOREIGN, "writer of the row"),
        ],
    )
    def test_file_finding_holds_until_later_republication(
        self, kind: str, meant: FileState, remedy: str
    ) -> None:
        sightings = seen(False)
        gone = StatedFinding(PATH, sightings[0].cleanup_time, kind, "it is not in the bucket")
        state, why, then = self.judged(replace(self.landed, sightings=sightings, findings=[gone]), 9)
        assert (state, why) == (meant, gone.detail)
        assert then.startswith("action needed: ")
        assert remedy in then
        restored = replace(self.landed, sightings=seen(False, True), findings=[gone])
        assert self.judged(restored, 9)[0] is FileState.REPUBLISHED

    def test_storm_guard_is_given_as_reason(self) -> None:
        storm = replace(RUN, storm_guard=True)
        state, why, then = self.judged(replace(self.landed, sightings=seen(False)), 9, storm)
        assert (state, "implausible number" in why, "storm-guard" in then) == (FileState.LOST, True, True)

    def test_dry_run_is_given_as_reason(self) -> None:
        dry = replace(RUN, pubsub_enabled=False)
        state, why, then = self.judged(replace(self.landed, sightings=seen(False)), 9, dry)
        assert (state, "dry" in why, "TIPOFF_PUBSUB_ENABLED" in then) == (FileState.LOST, True, True)


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        (PATH, FileSelector(path=PATH)),
        ("gs://b/ü/../'", FileSelector(path="gs://b/ü/../'")),
        ("0123AB", FileSelector(path="-", hash="0123ab")),
        ("0123456789abcdef" * 4, FileSelector(path="-", hash="0123456789abcdef")),
    ],
)
def test_file_is_selected_by_path_or_hash_prefix(text: str, selector: FileSelector) -> None:
    assert FileSelector.read(text) == selector


@pytest.mark.parametrize("text", ["", "012", "nba-com/injury/x.json", "%%%%", "0123456789abcdef" * 5])
def test_invalid_file_selector_is_refused_with_valid_form(text: str) -> None:
    with pytest.raises(NoFileNamed, match="gs:// path"):
        FileSelector.read(text)


@dataclass
class FakeDataset:
    """A dataset that returns the rows of the queried table."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    queries: list[tuple[str, Mapping[str, Parameter]]] = field(default_factory=list)

    def query(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        self.queries.append((sql, parameters))
        table = sql.split("nba_orchestration.")[1].split()[0].rstrip(",")
        table = "findings" if "UNNEST(findings)" in sql else table
        rows = self.tables.get(table if "LIMIT 1" not in sql else "latest", [])
        path, beginning = parameters.get("path", ""), str(parameters.get("hash", ""))
        return [
            row
            for row in rows
            if not path
            or "gcs_path" not in row
            or row["gcs_path"] == path
            or (beginning and row["gcs_path"].rsplit("/", 1)[1].startswith(beginning))
        ]


@pytest.fixture
def dataset(monkeypatch: pytest.MonkeyPatch) -> FakeDataset:
    dataset = FakeDataset()
    dataset.tables["scraper_execution_log"] = [
        {"gcs_path": path, **WROTE.model_dump(exclude_unset=True), "execution_id": f"e-{number}"}
        for number, path in enumerate((PATH, OTHER))
    ]
    dataset.tables["file_receipts"] = [vars(RECEIPT)]
    dataset.tables["latest"] = [vars(RUN)]
    connection = Connection({"TIPOFF_ENVIRONMENT": "local"}, "a test")
    monkeypatch.setattr(commands, "find_connection", lambda: connection)
    monkeypatch.setattr(Connection, "warehouse", lambda _self: MemoryWarehouse(answer=dataset.query))
    return dataset


@pytest.fixture
def run(run: Run) -> Run:
    return lambda *arguments, code=0: run("files", *arguments, code=code).output


AS_OF = ("--as-of", "2025-01-15T20:00Z")


class TestCommands:
    def test_show_prints_file_history_and_next_step(self, dataset: FakeDataset, run: Run) -> None:
        dataset.tables["cleanup_operations"] = [vars(item) for item in seen(True)]
        dataset.tables["dead_letters"] = [
            {
                **dict.fromkeys(DeadLetter.__annotations__),
                "event_id": "d-1",
                "rejected_at": NOON,
                "reason": "invalid_payload",
                "detail": "no object",
                "service": "phase2",
                "event_type": "tipoff.file.landed.v1",
            }
        ]
        output = run("show", PATH, *AS_OF)
        for expected in ("by execution e-0", "30 records", "republished 1 of at most 3", "next: ", "d-1"):
            assert expected in output
        data = json.loads(run("show", "01234", *AS_OF, "--json"))
        assert (data["gcs_path"], data["state"]) == (PATH, "republished")
        assert [letter["event_id"] for letter in data["dead_letters"]] == ["d-1"]
        assert [parameters["path"] for sql, parameters in dataset.queries if "dead_letters" in sql] == [
            PATH,
            PATH,
        ]

    @pytest.mark.parametrize(
        ("source", "is_parsed_again", "event", "by"),
        [
            ("LOCAL", True, "parsed again", "(MANUAL, source LOCAL)"),
            ("LOCAL", False, "fetched again", "(MANUAL, source LOCAL)"),
            ("MANUAL", False, "fetched again", "(MANUAL, source MANUAL)"),
            ("CONTROLLER", False, "fetched again", "(MANUAL)"),
        ],
    )
    def test_reparse_and_fetch_are_shown_apart(
        self, dataset: FakeDataset, run: Run, source: str, is_parsed_again: bool, event: str, by: str
    ) -> None:
        later = WROTE.model_dump(exclude_unset=True) | {
            "gcs_path": PATH,
            "execution_id": "e-9",
            "workflow": "MANUAL",
            "source": source,
            "completed_at": NOON + hours(1),
            "is_parsed_again": is_parsed_again,
        }
        dataset.tables["scraper_execution_log"].append(later)
        (line,) = [it for it in run("show", PATH, *AS_OF).splitlines() if "e-9" in it]
        assert event in line
        assert f"{by}, 30 records" in line

    def test_cleanup_findings_are_shown(self, dataset: FakeDataset, run: Run) -> None:
        gone = StatedFinding(PATH, NOON, "object_missing", "it is not in the bucket")
        dataset.tables["findings"] = [vars(gone)]
        assert "object missing" in run("show", PATH, *AS_OF)
        (result,) = json.loads(run("show", PATH, *AS_OF, "--json"))["findings"]
        assert (result["kind"], result["detail"]) == ("object_missing", "it is not in the bucket")

    def test_announce_republishes_only_verified_content(
        self, dataset: FakeDataset, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bus, data = RecordingBus(), MemoryObjects("data")
        monkeypatch.setattr(Connection, "bus", lambda _self, _topics: bus)
        monkeypatch.setattr(Connection, "data", lambda _self: data)
        since = ("--since", "2025-01-01")
        dataset.tables["cleanup_operations"] = [vars(item) for item in seen(True, True)]
        assert "lacks content_sha256" in run("announce", PATH, *since, "--yes", code=1)
        dataset.tables["scraper_execution_log"][0]["content_sha256"] = content_hash(b"{}")
        assert "not in the bucket" in run("announce", PATH, *since, "--yes", code=1)
        data.put(PATH.removeprefix("gs://data/"), b"[]", content_type="application/json")
        assert "other content than was written" in run("announce", PATH, *since, "--yes", code=1)
        data.put(PATH.removeprefix("gs://data/"), b"{}", content_type="application/json")
        assert "republished, event" in run("announce", "01234", *since, "--yes")
        (event,) = bus.of(FileLanded)
        assert (event.gcs_path, event.execution_id, event.landed_at) == (PATH, "e-0", NOON)
        assert (event.recovery, event.republish, event.source) == (True, 3, Source.MANUAL)
        run("announce", "01234", *since, "--yes")
        assert len({event.id for event in bus.of(FileLanded)}) == 2

    def test_every_query_is_bounded_by_days(self, dataset: FakeDataset, run: Run) -> None:
        run("show", PATH, *AS_OF, "--since", "2025-01-10T00:00Z")
        assert len(dataset.queries) == 6
        for sql, parameters in dataset.queries:
            assert "BETWEEN DATE(@since) AND DATE(@as_of)" in sql or ">= DATE(@since)" in sql
            assert parameters["environment"] == "local"

    @pytest.mark.usefixtures("dataset")
    def test_unknown_path_is_refused_with_similar_paths(self, run: Run) -> None:
        output = run("show", PATH.replace("abcdef", "abcdee"), *AS_OF, code=1)
        assert "look further back with --since" in output
        assert PATH in output

    @pytest.mark.usefixtures("dataset")
    def test_ambiguous_hash_prefix_lists_matching_files(self, run: Run) -> None:
        output = run("show", "0123", *AS_OF, code=1)
        assert PATH in output
        assert OTHER in output

    @pytest.mark.usefixtures("dataset")
    def test_wrong_usage_exits_2(self, run: Run) -> None:
        assert "names no file" in run("show", "injuries", code=2)
        assert "--since is later" in run("list", *AS_OF, "--since", "2025-02-01", code=2)

    @pytest.mark.usefixtures("dataset")
    def test_missing_list_leaves_out_processed_files(self, run: Run) -> None:
        every = {row["gcs_path"]: row["state"] for row in json.loads(run("list", *AS_OF, "--json"))}
        assert every == {PATH: "waiting", OTHER: "processed"}
        output = run("list", "--missing", *AS_OF)
        assert PATH in output
        assert OTHER not in output
        assert "1 file without a receipt" in output

    def test_unavailable_dataset_exits_1(self, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
        def down(_sql: str, _parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
            raise Unavailable("the warehouse is down")

        monkeypatch.setattr(commands, "find_connection", lambda: Connection({}, "a test"))
        monkeypatch.setattr(Connection, "warehouse", lambda _self: MemoryWarehouse(answer=down))
        for command in (("show", PATH), ("list",)):
            assert "the warehouse is down" in run(*command, code=1)


@pytest.mark.usefixtures("dataset")
class TestCat:
    def test_cat_prints_object_bytes_unchanged(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bucket = MemoryObjects()
        bucket.create("nba-com/x.pdf", b"%PDF \x1b[2J\xff")
        monkeypatch.setattr(
            Connection, "bucket", lambda _self, name: bucket if name == "data" else MemoryObjects()
        )
        result = CliRunner().invoke(app, ["files", "cat", "gs://data/nba-com/x.pdf"])
        assert (result.exit_code, result.stdout_bytes) == (0, b"%PDF \x1b[2J\xff")

    @pytest.mark.parametrize(
        ("path", "code", "message"),
        [
            ("gs://data/nowhere.json", 1, "is not in the bucket"),
            ("nba-com/x.pdf", 2, "is not a gs:// path; write gs://BUCKET/NAME"),
            ("gs://data", 2, "is not a gs:// path"),
        ],
    )
    def test_cat_refuses_missing_object_and_invalid_path(
        self, path: str, code: int, message: str, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Connection, "bucket", lambda _self, _name: MemoryObjects())
        assert message in run("cat", path, code=code)
