"""Tests of the named queries: headers and parameters."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_common.catalog import load_catalog
from tipoff_common.ports import Parameter
from tipoff_common.testing import MemoryWarehouse
from tipoff_dataset.queries import (
    NamedQuery,
    QueryParameterError,
    UnknownQueryError,
    named,
    names,
    run_named_query,
)
from tipoff_planning.loading import load_workflows

NOW = datetime(2026, 1, 15, 16, tzinfo=UTC)
TEXT = """\
-- Is it so?
--
-- A word on it.
--
--   @as_of   TIMESTAMP = now  instant of the question
--   @day     DATE             the day
--   @share   FLOAT64 = 0.5    how much
--   @strict  BOOL = true      whether
--   @days    INT64 = 7        how many
--   @environment  STRING = prod  where
--
-- answer STRING

SELECT @as_of
--   @not_a_header  STRING  this is in the body
"""


@pytest.fixture
def query(tmp_path: Path) -> NamedQuery:
    (tmp_path / "so.sql").write_text(TEXT)
    return NamedQuery.read(tmp_path / "so.sql")


def test_the_header_names_question_parameters_and_defaults(query: NamedQuery) -> None:
    assert (query.name, query.question) == ("so", "Is it so?")
    assert [(item.name, item.type, item.default) for item in query.parameters] == [
        ("as_of", "TIMESTAMP", "now"),
        ("day", "DATE", None),
        ("share", "FLOAT64", "0.5"),
        ("strict", "BOOL", "true"),
        ("days", "INT64", "7"),
        ("environment", "STRING", "prod"),
    ]
    assert query.parameters[1].meaning == "the day"


def test_alert_and_scraper_health_have_same_set_aside_limit() -> None:
    """A change of the alert's limit would leave `tipoff sick` at the old one."""

    def default(query: str, parameter: str) -> str | None:
        return next(item.default for item in named(query).parameters if item.name == parameter)

    assert default("alert_items_set_aside", "threshold_pct") == default("scraper_health", "set_aside_pct")


def test_no_default_names_a_shipped_scraper_or_workflow() -> None:
    """`why_skipped` refused its own default in every other fleet."""
    configuration = load_workflows(WORKFLOWS, load_catalog(SCRAPERS))
    of_one_fleet = {*configuration.catalog, *configuration.workflows}
    defaults = {
        (name, part)
        for name in names()
        for item in named(name).parameters
        for part in (item.default or "").split(",")
    }
    assert [name for name, part in defaults if part in of_one_fleet] == []


def test_missing_arguments_take_their_defaults(query: NamedQuery) -> None:
    values = query.arguments({"day": "2026-01-15", "days": "3"}, NOW)
    assert values == {
        "as_of": NOW,
        "day": date(2026, 1, 15),
        "share": 0.5,
        "strict": True,
        "days": 3,
        "environment": "prod",
    }


def test_environment_defaults_to_environment_of_caller(query: NamedQuery) -> None:
    given: dict[str, Parameter | str] = {"day": date(2026, 1, 15)}
    assert query.arguments(given, NOW, "local")["environment"] == "local"
    assert query.arguments({**given, "environment": "dev"}, NOW, "local")["environment"] == "dev"


def test_today_is_the_new_york_date_of_as_of(query: NamedQuery) -> None:
    given = {"day": "today", "as_of": "2026-01-16T02:00:00Z"}
    assert query.arguments(given, NOW)["day"] == date(2026, 1, 15)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "so needs 'day': the day"),
        ({"day": "2026-01-15", "dya": "x"}, "so has no parameter 'dya'; its parameters: as_of, day, share"),
        ({"day": "tomorrow"}, "'tomorrow' is not a valid DATE for 'day'"),
        ({"day": "2026-01-15", "days": "many"}, "'many' is not a valid INT64 for 'days'"),
        ({"day": "2026-01-15", "days": str(2**63)}, f"'{2**63}' is not a valid INT64 for 'days'"),
        ({"day": "2026-01-15", "days": "-1"}, "'-1' is negative; use 0 or more for 'days'"),
        ({"day": "2026-01-15", "share": "-0.5"}, "'-0.5' is negative; use 0 or more for 'share'"),
        ({"day": "2026-01-15", "strict": "yes"}, "'yes' is not a valid BOOL for 'strict'"),
        ({"day": "2026-01-15", "as_of": "2026-01-15T12:00"}, "is not a valid TIMESTAMP for 'as_of'"),
    ],
)
def test_invalid_parameter_is_named(query: NamedQuery, given: dict[str, str], message: str) -> None:
    with pytest.raises(QueryParameterError, match=message.replace("'", ".")):
        query.arguments(given, NOW)


def test_unknown_query_error_lists_available_queries() -> None:
    with pytest.raises(UnknownQueryError, match="discovery_check"):
        named("discovery")


@pytest.mark.parametrize("name", names())
def test_every_query_has_a_question_and_reads_no_clock(name: str) -> None:
    query = named(name)
    assert query.question.endswith("?")
    assert "CURRENT_" not in query.sql
    if name != "dataset_tables":
        assert query.parameters[0].name == "as_of"
    for item in query.parameters:
        assert f"@{item.name}" in query.sql.partition("\n\n")[2], f"{item.name} is declared and not used"
    # The subject of a query has no default: the user must name the scraper.
    given = {item.name: "a_name" for item in query.parameters if item.default is None}
    assert query.arguments(given, NOW).keys() == {item.name for item in query.parameters}


def test_integer_limits_and_both_booleans_are_read(query: NamedQuery) -> None:
    for number in (0, 2**63 - 1):
        assert query.arguments({"day": "2026-01-15", "days": str(number)}, NOW)["days"] == number
    for text, value in (("false", False), ("True", True)):
        assert query.arguments({"day": "2026-01-15", "strict": text}, NOW)["strict"] is value


def test_named_query_runs_with_its_parameters() -> None:
    warehouse = MemoryWarehouse(answer=lambda sql, parameters: [{"sql": sql, **parameters}])
    name = names()[0]
    assert run_named_query(warehouse, name, day="x") == [{"sql": named(name).sql, "day": "x"}]
