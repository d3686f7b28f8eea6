"""Tests of faults in config/alerts.yaml: each is refused with file, line and remedy."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tests.unit.monitor.bench import RULE, write_rules
from tipoff_common.catalog import load_catalog
from tipoff_common.yaml_source import ConfigurationError
from tipoff_monitor.loading import load_rules
from tipoff_monitor.notices import filled
from tipoff_monitor.rules import Command
from tipoff_planning.loading import load_workflows

REPOSITORY = Path(__file__).parents[3]
QUERIES = REPOSITORY / "queries"


def refused(path: Path, queries: Path = QUERIES) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_rules(path, queries)
    assert all(fault.startswith(f"{path}:") for fault in caught.value.faults)
    return str(caught.value)


def test_shipped_rules_and_runbooks_load() -> None:
    book = load_rules(REPOSITORY / "config/alerts.yaml", QUERIES, runbooks=REPOSITORY)
    assert len(book.rules) > 20


def test_no_command_names_a_workflow_of_the_shipped_fleet() -> None:
    """Another fleet copies the rules; `calendar-stale` told it to trigger a workflow that it does not have."""
    workflows = load_workflows(
        REPOSITORY / "config/workflows.yaml", load_catalog(REPOSITORY / "services/scraper-runner/scrapers")
    ).workflows
    rules = load_rules(REPOSITORY / "config/alerts.yaml", QUERIES).rules
    assert [name for name, rule in rules.items() if {*workflows} & {*rule.command.split()}] == []


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"for": "0m"}, "a duration of zero"),
        ({"threshold": 3}, "unknown key 'rules.broken.threshold'"),
        ({"query": "alert_dead_leters"}, "did you mean 'alert_dead_letters'?"),
        ({"query": "heartbeats"}, "it must select subject, since, value"),
        ({"parameters": {"hour": 3}}, "has no parameter 'hour'"),
        ({"parameters": {"hours": "many"}}, "is not a valid INT64"),
        ({"query": None}, "names neither a query nor a verdict"),
        ({"verdict": ["missing"]}, "names a query and a verdict"),
        ({"severity": "LOUD"}, "use one of NONE, INFO, WARNING, CRITICAL"),
        ({"severity": "WARNNG"}, "did you mean 'WARNING'?"),
        ({"causes": [{"rule": "other"}]}, "no rule 'other'"),
        ({"causes": [{"rule": "broken"}]}, "rules cause each other: broken > broken"),
        ({"escalate": {}}, "has neither after nor value"),
        ({"runbook": "docs/x.md"}, "write the runbook's path, such as docs/runbooks/warehouse-down.md"),
        ({"command": ""}, "empty; write a value"),
        (
            {"command": "tipoff logs | jq '{a: .b}'"},
            "unknown placeholder '{a: .b}'; use {subject}",
        ),
        ({"command": "tipoff logs {}"}, "unknown placeholder '{}'"),
        ({"command": "tipoff logs {0}"}, "unknown placeholder '{0}'"),
        ({"command": "tipoff logs {subject.foo}"}, "unknown placeholder '{subject.foo}'"),
        ({"command": "tipoff logs {subject!r}"}, "unknown placeholder '{subject!r}'"),
        ({"command": "tipoff logs {subject:>9}"}, "unknown placeholder '{subject:>9}'"),
        ({"command": "tipoff logs {workfow}"}, "unknown placeholder '{workfow}'"),
        ({"command": "tipoff logs {"}, "unmatched brace"),
        ({"command": "tipoff logs }"}, "{{ or }} for a literal brace"),
    ],
)
def test_invalid_rule_is_refused(tmp_path: Path, changes: dict[str, Any], what: str) -> None:
    assert what in refused(write_rules(tmp_path, broken=changes))


# An incident whose command cannot be filled in would not be reported.
@given(
    command=st.lists(
        st.sampled_from(["jq ", "{", "}", "{{", "}}", "{subject}", "{workflow}", "{0}", "{a.b}", "!r", ":"]),
        min_size=1,
    ).map("".join),
    subject=st.text(),
)
def test_accepted_command_can_be_filled_in(command: str, subject: str) -> None:
    try:
        taken = TypeAdapter(Command).validate_python(command)
    except ValidationError:
        return
    literal = taken.replace("{{", "").replace("}}", "")
    assert ("{subject}" not in literal) or subject in filled(taken, subject, {})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"routes": [{"channels": []}]}, "routes.0.channels"),
        ({"routes": [{"channels": ["nobody"]}]}, "no channel 'nobody'"),
        (
            {"routes": [{"severity": ["WARNING"], "channels": ["team"]}]},
            "CRITICAL has no route without conditions",
        ),
        ({"quiet": [{"why": "w", "first": "2026-02-02", "last": "2026-02-01"}]}, "swap them"),
        ({"quiet": [{"why": "w", "first": 0, "last": "2026-02-01"}]}, "not a date; write 2025-01-15"),
        (
            {"quiet": [{"why": "w", "first": "2026-02-01", "last": "2026-02-01", "rules": ["x"]}]},
            "no rule 'x'",
        ),
        ({"rules": {"cannot-judge": RULE}}, "the monitor raises this itself"),
    ],
)
def test_invalid_rules_file_is_refused(tmp_path: Path, changes: dict[str, Any], what: str) -> None:
    assert what in refused(write_rules(tmp_path, changes, broken={}))


def test_cycle_of_causes_is_refused(tmp_path: Path) -> None:
    path = write_rules(tmp_path, one={"causes": [{"rule": "two"}]}, two={"causes": [{"rule": "one"}]})
    assert "rules cause each other" in refused(path)


def test_symptom_that_would_fire_before_its_cause_is_refused(tmp_path: Path) -> None:
    path = write_rules(tmp_path, cause={"for": "30m"}, symptom={"causes": [{"rule": "cause"}]})
    assert "people would be notified of the symptom first" in refused(path)


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("SELECT FROM WHERE", "does not parse"),
        ("DROP TABLE x", "is not a SELECT"),
        ("SELECT 1 AS subject", "it must select"),
        (
            "SELECT 1 AS subject, @x AS since, 1 AS value, 1 AS severity, 1 AS workflow, 1 AS scraper, 1 AS summary",
            "uses @x, which its heading does not declare",
        ),
    ],
)
def test_invalid_alert_query_is_refused(tmp_path: Path, sql: str, what: str) -> None:
    (tmp_path / "alert_dead_letters.sql").write_text(f"-- Is it?\n\n{sql};\n")
    assert what in refused(write_rules(tmp_path, broken={}), tmp_path)


@pytest.mark.parametrize("more", ["", ", 'http' AS error_type"])
def test_failure_query_is_recognized_by_its_error_type_column(tmp_path: Path, more: str) -> None:
    columns = ("subject", "since", "value", "severity", "workflow", "scraper", "summary")
    selected = ", ".join(f"1 AS {name}" for name in columns)
    (tmp_path / "alert_dead_letters.sql").write_text(f"-- Is it?\n\nSELECT {selected}{more};\n")
    book = load_rules(write_rules(tmp_path, broken={}), tmp_path)
    assert book.of_failures == ({"broken"} if more else set())
