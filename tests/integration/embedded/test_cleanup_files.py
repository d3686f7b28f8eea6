"""Cleanup's own query, on landed files and their receipts."""

from datetime import datetime, timedelta

import pytest
from tests.support.dataset_rows import ELEVEN, HOUR, MINUTE, executed, received

from conftest import Dataset
from tipoff_cleanup.dataset import FileDataset
from tipoff_common.adapters.bigquery import BigQueryWarehouse


def _landed(name: str, at: datetime, environment: str) -> dict[str, object]:
    return executed(
        name,
        at,
        "success",
        3,
        gcs_path=f"gs://data/{name}",
        environment=environment,
        completed_at=at.isoformat(),
    )


@pytest.mark.parametrize(
    ("environment", "receipts", "proves"),
    [
        ("again", [-26 * HOUR], False),
        ("again-and-now", [-26 * HOUR, -35 * MINUTE], True),
        ("just-now", [-26 * HOUR, -20 * MINUTE], False),
        ("usual", [-39 * MINUTE], True),
        ("clock-behind", [-43 * MINUTE], True),
        ("too-far-behind", [-46 * MINUTE], False),
        ("none", [], False),
    ],
)
def test_only_receipt_after_landing_marks_earlier_files_overtaken(
    dataset: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    environment: str,
    receipts: list[timedelta],
    proves: bool,
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", dataset.url)
    waiting, later = ELEVEN - 50 * MINUTE, ELEVEN - 40 * MINUTE
    dataset.insert(
        "scraper_execution_log",
        _landed("waiting", waiting, environment),
        _landed("later", later, environment),
    )
    if receipts:
        dataset.insert(
            "file_receipts",
            *(received("gs://data/later", ELEVEN + at, environment=environment) for at in receipts),
        )
    known = FileDataset(BigQueryWarehouse(dataset.project, dataset.url), environment)
    overview, files = known.files(ELEVEN, timedelta(days=1), 30 * MINUTE)
    assert overview.overtaken_before == (later if proves else None)
    unprocessed = ["waiting"] if receipts else ["waiting", "later"]
    assert [file.gcs_path for file in files] == [f"gs://data/{name}" for name in unprocessed]
    assert (overview.files, overview.waiting) == (2, len(unprocessed))
