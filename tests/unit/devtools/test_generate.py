"""Tests of generated documents: writing, detection of stale ones, names."""

import json
from pathlib import Path

import pytest

from tests.support.pushes import REPOSITORY
from tipoff_dataset.files import declared_tables
from tipoff_dev.generate import __main__ as generate
from tipoff_dev.generate.dataset_reference import dataset
from tipoff_dev.generate.markdown import table, whole_sentence
from tipoff_dev.generate.settings_reference import SERVICES, configuration

TICK = "docs/reference/events/tipoff.tick.fired.v1.schema.json"
DATASET = "docs/reference/dataset.md"


@pytest.fixture
def written(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with two of the documents as a sample."""
    some = {name: render for name, render in generate.documents().items() if name in (TICK, DATASET)}
    monkeypatch.setattr(generate, "documents", lambda: some)
    assert generate.main([], tmp_path) == 0
    capsys.readouterr()
    return tmp_path


def test_freshly_written_documents_are_not_stale(written: Path) -> None:
    assert generate.main(["--check"], written) == 0
    assert {path.relative_to(written).as_posix() for path in written.rglob("*.*")} == set(
        generate.documents()
    )


def test_a_stale_file_is_named_with_the_remedy(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (written / TICK).write_text("{}")
    assert generate.main(["--check"], written) == 1
    assert capsys.readouterr().out == f"{TICK}: stale\nremedy: make generate\n"
    assert (written / TICK).read_text() == "{}"


def test_a_missing_file_is_stale(written: Path) -> None:
    (written / TICK).unlink()
    assert generate.main(["--check"], written) == 1
    assert generate.main([], written) == 0
    assert (written / TICK).is_file()


def test_schema_of_a_removed_event_is_removed(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = written / "docs/reference/events/tipoff.gone.v1.schema.json"
    gone.write_text("{}")
    assert generate.main(["--check"], written) == 1
    assert generate.main([], written) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("tipoff.gone.v1.schema.json: removed")
    assert not gone.exists()


def test_up_to_date_file_is_not_rewritten(written: Path) -> None:
    before = (written / TICK).stat().st_mtime_ns
    (written / DATASET).unlink()
    generate.main([], written)
    assert (written / TICK).stat().st_mtime_ns == before


def test_a_document_is_the_same_each_time() -> None:
    for render in generate.documents().values():
        assert render() == render()


def test_description_cut_in_mid_sentence_raises() -> None:
    assert whole_sentence("It is time.", "TickFired") == "It is time."
    with pytest.raises(ValueError, match="TickFired: 'It is time, and a tick takes' stops in mid-sentence"):
        whole_sentence("It is time, and a tick takes", "TickFired")


def test_every_setting_of_every_service_is_documented() -> None:
    lines = [line for line in configuration().splitlines() if line.startswith("| `")]
    for model in SERVICES.values():
        for field in model.model_fields.values():
            assert field.description
    assert all(line.count(" | ") == 3 and not line.endswith("|  |") for line in lines)
    assert any(
        line.startswith("| `TIPOFF_LOOKBACK_HOURS` | integer, \u2265 1, \u2264 168 | `24` |")
        for line in lines
    )


def test_there_is_a_section_for_every_service() -> None:
    shipped = {path.parts[-3] for path in REPOSITORY.glob("services/*/tipoff_*/settings.py")}
    assert set(SERVICES) == shipped


def test_every_column_is_documented() -> None:
    text = dataset()
    for name, declared in declared_tables().items():
        assert f"## {name}\n" in text
        assert all(f"| `{field.name}` |" in text for field in declared.fields)
    assert "| `missing_files.gcs_path` | STRING | NULLABLE |" in text
    assert "| `duration_seconds` | FLOAT64 |" in text


def test_markup_in_a_cell_is_harmless() -> None:
    assert table(("A",), [("a|b\n<c>",)]).splitlines()[-1] == r"| a\|b \<c> |"


def test_workflows_schema_refuses_unknown_keys() -> None:
    schema = json.loads(generate.documents()["config/workflows.schema.json"]())
    assert "workflows" in schema["properties"]
    assert schema["additionalProperties"] is False
