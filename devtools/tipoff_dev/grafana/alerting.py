"""Alert rules for teams that alert from Grafana: the queries of config/alerts.yaml, as a file that Grafana provisions.

The monitor and Grafana evaluate the same SQL from the same file. Grafana's rules lack the monitor's own features (the
verdict of a day, causes, quiet windows, acknowledgements), so a team uses the one or the other, not both.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.alerting import RelativeTimeRange
from grafana_foundation_sdk.models.common import DataSourceRef

from tipoff_cli.checkout import ALERTS
from tipoff_dataset.files import QUERIES
from tipoff_dataset.queries import NamedQuery
from tipoff_dev.grafana.dashboards import DATA_SOURCE, query
from tipoff_dev.grafana.models import alerting, expr
from tipoff_monitor.loading import load_rules
from tipoff_monitor.rules import FILLED, Rule

UID = "tipoff-bigquery"
"""Uid of the data source that is provisioned beside the rules: unlike a dashboard, a rule cannot offer a choice."""
ENVIRONMENT = "prod"
MISSING = "workflow-missing"
_MONITORS_OWN = frozenset({"versions-differ"})
"""Rules whose query needs parameters that only the monitor has: its own version and configuration."""
_MISSING_SQL = f"""SELECT workflow_name AS subject, COUNT(*) AS value
FROM nba_orchestration.expected_vs_actual(CURRENT_TIMESTAMP(), CURRENT_DATE('America/New_York'))
WHERE environment = '{ENVIRONMENT}'
  AND status = 'MISSING'
GROUP BY workflow_name
ORDER BY workflow_name"""
_EXPRESSION = "__expr__"


def rule_queries() -> Mapping[str, str]:
    """Return the SQL of each rule: one row for each subject, with the number of the subject's rows as `value`."""
    book = load_rules(ALERTS, QUERIES)
    found = {MISSING: _MISSING_SQL}
    for name, rule in book.rules.items():
        if name in book.queries and name not in _MONITORS_OWN:
            found[name] = _counted(_filled(book.queries[name], rule))
    return found


def alerting_json() -> str:
    """Return the file from which Grafana provisions its rules."""
    book = load_rules(ALERTS, QUERIES)
    rules = [_rule(name, sql, book.rules[name]) for name, sql in rule_queries().items()]
    group = {"orgId": 1, "name": "tipoff", "folder": "Tipoff", "interval": "5m", "rules": rules}
    return json.dumps({"apiVersion": 1, "groups": [group]}, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _rule(name: str, sql: str, rule: Rule) -> dict[str, Any]:
    source = DataSourceRef(type_val=DATA_SOURCE, uid=UID)
    data = (
        alerting.Query("A")
        .datasource_uid(UID)
        .relative_time_range(RelativeTimeRange(3600, 0))
        .model(query(sql, source, series=False))
    )
    above = expr.ExprTypeThresholdConditions().evaluator(
        expr.ExprTypeThresholdConditionsEvaluator().type("gt").params([0])
    )
    condition = (
        alerting.Query("B")
        .datasource_uid(_EXPRESSION)
        .relative_time_range(RelativeTimeRange(3600, 0))
        .model(
            expr.TypeThreshold()
            .ref_id("B")
            .datasource(DataSourceRef(type_val=_EXPRESSION, uid=_EXPRESSION))
            .expression("A")
            .conditions([above])
        )
    )
    minutes = int(rule.for_.total_seconds() // 60) if rule.for_ else 0
    built = (
        alerting.Rule(f"Tipoff: {name}")
        .uid(f"tipoff-{name}")
        .folder_uid("tipoff")
        .rule_group("tipoff")
        .condition("B")
        .with_query(data)
        .with_query(condition)
        # No rows mean no problem; a failed query is an error.
        .no_data_state("OK")
        .exec_err_state("Error")
        .for_val(f"{minutes}m")
        .labels({"severity": rule.severity.value, "rule": name})
        .annotations({"summary": rule.description, "runbook": rule.runbook, "command": _command(rule)})
        .build()
    )
    text: dict[str, Any] = json.loads(json.dumps(built, cls=JSONEncoder))
    # A provisioning file has folder, group and organization once for all rules.
    return {key: value for key, value in text.items() if key not in ("folderUID", "ruleGroup", "orgID")}


def _command(rule: Rule) -> str:
    """Return the command with its placeholders, which a Grafana rule does not fill in, and with single braces."""
    # Double braces, as in the file, would be a Grafana template.
    return rule.command.format(**{name: f"{{{name}}}" for name in FILLED})


def _counted(sql: str) -> str:
    return f"SELECT subject, COUNT(*) AS value\nFROM (\n{sql}\n)\nGROUP BY subject\nORDER BY subject"


def _filled(named: NamedQuery, rule: Rule) -> str:
    """Write the parameters into the query, because a Grafana rule has no parameters."""
    lines = [line for line in named.sql.splitlines() if not line.lstrip().startswith("--")]
    sql = "\n".join(lines).strip().rstrip(";")
    for name, value in sorted(_values(named, rule), reverse=True):  # @days_back before @days
        sql = sql.replace(f"@{name}", value)
    return sql


def _values(named: NamedQuery, rule: Rule) -> Iterator[tuple[str, str]]:
    for parameter in named.parameters:
        value = rule.parameters.get(parameter.name, parameter.default)
        match parameter.name, parameter.type:
            case "as_of", _:
                yield parameter.name, "CURRENT_TIMESTAMP()"
            case "environment", _:
                yield parameter.name, _text(ENVIRONMENT)
            case _, "STRING":
                yield parameter.name, _text(str(value))
            case _:
                yield parameter.name, str(value)


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
