"""Tests of scraper.yaml: accepted fields and refusals."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.scrapers import spec_data, write_spec
from tipoff_common.catalog import Catalog, ScraperSpec, load_catalog
from tipoff_common.yaml_source import ConfigurationError


def faults(folder: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        load_catalog(folder)
    return [fault.removeprefix(f"{folder}/") for fault in error.value.faults]


def test_scrapers_are_found_by_their_names(tmp_path: Path) -> None:
    for name in ("second", "first"):
        write_spec(tmp_path, name)
    catalog = load_catalog(tmp_path)
    assert list(catalog) == ["first", "second"]
    assert catalog["first"].name == "first"
    assert len(catalog) == 2


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("at", "2025-01-15T10:00:00-05:00", None),
        ("at", "2025-01-15T10:00:00", "'2025-01-15T10:00:00' is not an instant; write it with its zone"),
        ("hour", "8", None),
        ("hour", "eight", "'eight' is not a whole number"),
        ("subject", "0022400561", None),
        ("subject", "../up", "'../up' is not allowed in a path; use letters, digits"),
        ("note", "../up", None),
    ],
)
def test_misfit_describes_invalid_parameter_value(name: str, value: str, message: str | None) -> None:
    parameters = {
        "game_date": {"type": "date", "required": True, "description": "the day"},
        "subject": {"type": "string", "required": True, "description": "stands in the path"},
        "note": {"type": "string", "description": "does not"},
        "hour": {"type": "integer", "description": "a number"},
        "at": {"type": "instant", "description": "an instant"},
    }
    output = "lines/{game_date}/{subject}"
    spec = ScraperSpec.model_validate(spec_data("lines", output=output, parameters=parameters))
    misfit = spec.misfit(name, value)
    assert misfit is None if message is None else (misfit or "").startswith(message)


def test_shipped_fleet_has_valid_descriptions() -> None:
    catalog = load_catalog(Path(__file__).parents[3] / "services/scraper-runner/scrapers")
    assert {"nbac_schedule", "nbac_injury_report"} <= set(catalog)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            {"assertions": {"min": 0, "max": 5}},
            "assertions.min = 0: Input should be greater than or equal to 1",
        ),
        ({"assertions": {"min": 9, "max": 5}}, "max 5 is below min 9; swap them"),
        ({"timeout_seconds": 541}, "timeout_seconds = 541: Input should be less than or equal to 540"),
        ({"rate_limit": {"per_second": 0}}, "rate_limit.per_second = 0"),
        ({"retry": {"attempts": 7}}, "retry.attempts = 7"),
        ({"name": "Not-A-Name"}, "name = 'Not-A-Name'"),
        ({"output": "../elsewhere"}, "output = '../elsewhere'"),
        ({"output": "/absolute"}, "output = '/absolute'"),
        ({"output": "lines/{subject}"}, "output: {subject} is not a required parameter"),
        ({"output": "journal/lines"}, "output: 'journal/lines' begins with a reserved folder"),
        ({"output": "lines/{game_date"}, "output: a brace of 'lines/{game_date' is unpaired"),
        ({"output": "lines/{}"}, "output: {} is not a required parameter"),
        ({"output": "{game_date}/lines"}, "output = '{game_date}/lines'"),
        ({"not_published": ""}, "not_published = ''"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"parameters": {}}, "declare game_date with type date and required true"),
        (
            {"parameters": {"gamedate": {"type": "date", "required": True, "description": "x"}}},
            "declare game_date",
        ),
        ({"parameters": {"game_date": {"type": "date", "description": "x"}}}, "declare game_date"),
        (
            {"parameters": {"game_date": {"type": "string", "required": True, "description": "x"}}},
            "game_date",
        ),
    ],
)
def test_invalid_scraper_yaml_is_refused(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    """A minimum of zero asserts nothing; one date had three names (incident 30)."""
    write_spec(tmp_path, "lines", **change)
    assert any(fault in found for found in faults(tmp_path))


_SUBJECT = {"type": "string", "description": "x"}
_DATE = {"type": "date", "required": True, "description": "x"}


def test_output_path_may_name_only_required_parameters(tmp_path: Path) -> None:
    write_spec(tmp_path, "lines", output="x/{game_date}/{a}", parameters={"game_date": _DATE, "a": _SUBJECT})
    assert "output: {a} is not a required parameter; declare it, or leave it out" in faults(tmp_path)[0]


def test_output_path_has_game_date_before_other_parameters(tmp_path: Path) -> None:
    """One listing returns all objects of a day."""
    required = {**_SUBJECT, "required": True}
    write_spec(tmp_path, "lines", output="x/{a}/{game_date}", parameters={"game_date": _DATE, "a": required})
    assert "output: {game_date} has to come before {a}" in faults(tmp_path)[0]


def test_name_must_equal_folder_name(tmp_path: Path) -> None:
    """32 of 47 scrapers logged under another name than the configured one (incident 36)."""
    write_spec(tmp_path, "lines", name="rows")
    assert faults(tmp_path) == [
        "fixtures/lines/scraper.yaml:1: name = 'rows' but the folder is 'lines'; make them equal"
    ]


def test_source_must_equal_source_folder_name(tmp_path: Path) -> None:
    write_spec(tmp_path, "lines", source="elsewhere")
    assert faults(tmp_path) == [
        "fixtures/lines/scraper.yaml:3: source = 'elsewhere' but the folder is 'fixtures'; make them equal"
    ]


def test_scraper_name_is_unique_in_fleet(tmp_path: Path) -> None:
    """Scrapers logged under other names (incident 36)."""
    write_spec(tmp_path, "lines")
    write_spec(tmp_path, "lines", source_folder="other", source="other")
    assert faults(tmp_path) == [
        "other/lines/scraper.yaml:1: name = 'lines' is used by two scrapers; rename one"
    ]


def test_faults_of_all_files_are_reported_together(tmp_path: Path) -> None:
    write_spec(tmp_path, "first", timeout_seconds=0)
    write_spec(tmp_path, "second", timeout_seconds=0)
    assert len(faults(tmp_path)) == 2


def test_a_folder_without_scrapers_is_refused(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path)
    assert "name a fleet's folder" in fault


def test_scraper_spec_is_frozen() -> None:
    spec = ScraperSpec.model_validate(spec_data("lines"))
    with pytest.raises(ValueError, match="frozen"):
        spec.name = "rows"  # type: ignore[misc]


def test_a_catalog_is_sorted_by_name() -> None:
    specs = {name: ScraperSpec.model_validate(spec_data(name)) for name in ("b", "a")}
    assert list(Catalog(specs)) == ["a", "b"]
