"""Tests of the deployment of the dataset's SQL files: queries to the live dataset, statements, order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from google.api_core.exceptions import BadRequest, NotFound
from google.cloud.bigquery import Client, SchemaField

from tipoff_common.clock import ZONE_VARIABLE, fleet_zone
from tipoff_dataset.deploy import all_differences, broken_views, deploy, table_differences
from tipoff_dataset.migrations import MigrationRefused

GAMES = """CREATE TABLE IF NOT EXISTS nba_orchestration.games (id STRING NOT NULL, at TIMESTAMP, more STRING)
PARTITION BY DATE(at) CLUSTER BY id;"""
FILES = {
    "datasets": "CREATE SCHEMA IF NOT EXISTS nba_orchestration;",
    "games": GAMES,
    "fn_found": """-- found(): all of it, 'America/New_York'
CREATE OR REPLACE TABLE FUNCTION nba_orchestration.found() AS (SELECT 1);""",
    "v_days": """CREATE OR REPLACE VIEW nba_orchestration.v_days AS
SELECT DATE(at, 'America/New_York') FROM nba_orchestration.games;""",
}


@dataclass
class LiveDataset:
    """A dataset of one project as BigQuery's client returns it, with the statements that were run."""

    project: str = "p"
    is_there: bool = True
    tables: dict[str, Any] = field(default_factory=dict)
    routines: dict[str, str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        return cast(Client, self)

    def get_dataset(self, _name: str, timeout: float) -> None:
        self._known(timeout)

    def list_tables(self, name: str, retry: Any, timeout: float) -> list[Any]:
        self._known(timeout)
        assert name == "p.nba_orchestration"
        assert retry.timeout
        return [SimpleNamespace(table_id=table) for table in self.tables]

    def list_routines(self, _name: str) -> list[Any]:
        return [SimpleNamespace(routine_id=routine) for routine in self.routines]

    def get_table(self, name: str, timeout: float) -> Any:
        self._known(timeout)
        return self.tables[name.rpartition(".")[2]]

    def get_routine(self, name: str, timeout: float) -> Any:
        self._known(timeout)
        return SimpleNamespace(body=self.routines[name.rpartition(".")[2]])

    def query(self, sql: str, job_config: Any = None, retry: Any = None, timeout: float = 0) -> Any:
        assert (retry is None) is (job_config is not None), "statements are tried again, looks are not"
        if job_config is not None:
            assert job_config.dry_run, "looking at views must scan nothing"
            self._known(timeout)
            for name, error in self.broken.items():
                if sql.endswith(f".{name}"):
                    raise error
        else:
            self.ran.append(sql)
        return SimpleNamespace(result=lambda **more: self._known(more["timeout"]))

    def _known(self, timeout: float) -> None:
        assert timeout, "a call without a limit may hang a deployment"
        if not self.is_there:
            raise NotFound("no dataset")


def table(*columns: SchemaField, by: str | None = "at", clustered: tuple[str, ...] | None = ("id",)) -> Any:
    partitioning = SimpleNamespace(field=by) if by else None
    return SimpleNamespace(
        schema=columns, time_partitioning=partitioning, clustering_fields=clustered, view_query=None
    )


ID, AT, MORE = (
    SchemaField("id", "STRING", "REQUIRED"),
    SchemaField("at", "TIMESTAMP"),
    SchemaField("more", "STRING"),
)


def view(sql: str | None) -> Any:
    return SimpleNamespace(view_query=sql)


def live(**more: Any) -> LiveDataset:
    """Return a live dataset that equals the files."""
    tables = {"games": table(ID, AT, MORE), "v_days": view(FILES["v_days"])}
    return LiveDataset(tables=tables, routines={"found": "SELECT 1"}, **more)


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / f"{name}.sql").write_text(text)
    return tmp_path


@pytest.fixture(autouse=True)
def _in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(ZONE_VARIABLE, "America/New_York")
    fleet_zone.cache_clear()
    yield
    fleet_zone.cache_clear()


def test_a_fresh_project_gets_every_file_in_order(schemas: Path) -> None:
    dataset = LiveDataset(is_there=False)
    dataset._known = lambda timeout: LiveDataset._known(dataset, timeout) if not dataset.ran else None  # type: ignore[method-assign]
    applied = deploy(dataset.client, schemas)
    assert applied == ["datasets.sql", "games.sql", "fn_found.sql", "v_days.sql"]
    assert dataset.ran == list(FILES.values())


def test_existing_dataset_is_not_created_again(schemas: Path) -> None:
    """The existing dataset may have another location than the file's."""
    dataset = live()
    assert deploy(dataset.client, schemas) == ["games.sql", "fn_found.sql", "v_days.sql"]
    assert len(dataset.ran) == 3


def test_missing_columns_are_added_before_the_files_are_run(schemas: Path) -> None:
    dataset = live()
    dataset.tables["games"] = table(ID, AT)
    deploy(dataset.client, schemas)
    assert dataset.ran[0] == "ALTER TABLE nba_orchestration.games ADD COLUMN IF NOT EXISTS more STRING"
    assert len(dataset.ran) == 4


def test_refused_migration_runs_nothing_unless_columns_are_kept(schemas: Path) -> None:
    dataset = live()
    dataset.tables["games"] = table(ID, AT, MORE, SchemaField("later", "STRING"))
    with pytest.raises(MigrationRefused, match=r"games\.later"):
        deploy(dataset.client, schemas)
    assert dataset.ran == []
    assert deploy(dataset.client, schemas, keep_columns=True)


@pytest.mark.parametrize("compare", [table_differences, all_differences])
def test_dataset_equal_to_its_files_has_no_differences(compare: Any, schemas: Path) -> None:
    assert compare(live().client, schemas) == []


@pytest.mark.parametrize("compare", [table_differences, all_differences])
def test_missing_dataset_is_a_single_difference(compare: Any, schemas: Path) -> None:
    found = compare(LiveDataset(is_there=False).client, schemas)
    assert [str(item) for item in found] == ["nba_orchestration: the dataset is missing"]


def test_tables_are_compared_with_their_partitions_and_clustering(schemas: Path) -> None:
    dataset = live()
    dataset.tables["games"] = table(ID, AT, MORE, by=None, clustered=None)
    found = [item.what for item in table_differences(dataset.client, schemas)]
    assert found == [
        "declared partitioned by at, the live table by None",
        "declared clustered by id, the live table by nothing",
    ]


def test_missing_functions_and_views_are_found(schemas: Path) -> None:
    dataset = live()
    dataset.routines.clear()
    del dataset.tables["v_days"]
    found = [str(item) for item in all_differences(dataset.client, schemas)]
    assert found == ["found: the table function is missing", "v_days: the view is missing"]


ELSEWHERE = "it uses another time zone than America/New_York; `tipoff tables deploy` replaces it"


@pytest.mark.parametrize("sql", [FILES["v_days"].replace("America/New_York", "Asia/Tokyo"), None])
def test_a_view_with_the_days_of_another_zone_is_found(sql: str | None, schemas: Path) -> None:
    dataset = live()
    dataset.tables["v_days"] = view(sql)
    found = [str(item) for item in all_differences(dataset.client, schemas)]
    assert found == [f"v_days: {ELSEWHERE}"]


@pytest.mark.parametrize(
    ("body", "same"), [("DATE(at, 'America/New_York')", True), ("DATE(at, 'UTC')", False), (None, False)]
)
def test_a_function_with_the_days_of_another_zone_is_found(body: str, same: bool, schemas: Path) -> None:
    (schemas / "fn_found.sql").write_text(
        FILES["fn_found"].replace("SELECT 1", "DATE(at, 'America/New_York')")
    )
    dataset = live()
    dataset.routines["found"] = body
    found = [str(item) for item in all_differences(dataset.client, schemas)]
    assert found == ([] if same else [f"found: {ELSEWHERE}"])


def test_broken_views_are_reported_with_bigquery_error(schemas: Path) -> None:
    for name in ("v_bad", "v_gone"):
        (schemas / f"{name}.sql").write_text(f"CREATE OR REPLACE VIEW nba_orchestration.{name} AS SELECT 1")
    dataset = live(broken={"v_bad": BadRequest("no column"), "v_gone": NotFound("no table")})
    assert broken_views(dataset.client, schemas) == {"v_bad": "no column", "v_gone": "no table"}
    assert dataset.ran == []
