"""Reader of `config/alerts.yaml`, which reports every fault before serving, with file, line and remedy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tipoff_common.identity import short_hash
from tipoff_common.ports import Parameter
from tipoff_common.words import did_you_mean
from tipoff_common.yaml_source import ConfigurationError, YamlSource
from tipoff_dataset.queries import NamedQuery, QueryParameterError
from tipoff_monitor.rules import AlertsFile, Rule, faults_of

COLUMNS = ("subject", "since", "value", "severity", "workflow", "scraper", "summary")
"""Columns of a rule's query, in this order: the rows of all rules are one result."""
ERROR_TYPE = "error_type"
"""An optional last column: the kind of failure, by which the rows of several rules have a common cause."""
FILLED_PARAMETERS = frozenset({"as_of", "environment", "version", "config_hash"})
"""Parameters that the monitor fills in."""
# Only for checking defaults that are computed from `as_of`; no result depends on it.
_ANY_INSTANT = datetime(2026, 1, 15, 16, tzinfo=UTC)


@dataclass(frozen=True)
class RuleBook:
    """A checked file with the queries of its rules."""

    file: AlertsFile
    queries: Mapping[str, NamedQuery]
    hash: str
    """The hash of the file."""
    of_failures: frozenset[str] = frozenset()
    """Rules whose query selects ERROR_TYPE."""

    @property
    def rules(self) -> Mapping[str, Rule]:
        """The rules by name."""
        return self.file.rules


def load_rules(path: Path, queries: Path, runbooks: Path | None = None) -> RuleBook:
    """Read and check the file and the queries it names.

    runbooks: the repository's root, below which the runbooks must exist; None in an image, which has none.

    Raises:
        ConfigurationError: with every fault.
    """
    source = YamlSource.read(path)
    file = source.validate(AlertsFile)
    faults = [source.fault(place, message) for place, message in faults_of(file)]
    found: dict[str, NamedQuery] = {}
    for name, rule in file.rules.items():
        if rule.query is not None:
            sql = queries / f"{rule.query}.sql"
            if not sql.is_file():
                known = did_you_mean(rule.query, (it.stem for it in queries.glob("alert_*.sql")))
                message = f"no query '{rule.query}' in {queries}; {known or 'write it, or correct the name'}"
                faults.append(source.fault(("rules", name, "query"), message))
                # Without its query, the rest of the rule cannot be checked.
                continue
            found[name] = NamedQuery.read(sql)
            faults += [
                source.fault(("rules", name, place), message)
                for place, message in _query_faults(rule, found[name])
            ]
        if runbooks is not None and not (runbooks / rule.runbook).is_file():
            message = f"{rule.runbook} does not exist; write it"
            faults.append(source.fault(("rules", name, "runbook"), message))
    if faults:
        raise ConfigurationError(faults)
    of_failures = frozenset(
        name for name, query in found.items() if ERROR_TYPE in _selected(query.sql).columns
    )
    return RuleBook(file, found, short_hash(path.read_bytes()), of_failures)


class _Selected(NamedTuple):
    """The columns and parameters that the text of a query names."""

    columns: tuple[str, ...]
    """In their order."""
    parameters: frozenset[str]
    """Those that it uses."""


class _NotASelect(Exception):
    """A statement of another kind, which has no columns."""


# Cached, since parsing is nearly the whole cost of loading, and each query is read twice: for faults and for columns.
@lru_cache(maxsize=256)
def _selected(sql: str) -> _Selected:
    """Parse a query. Raises SqlglotError and _NotASelect."""
    statement = sqlglot.parse_one(sql, dialect="bigquery")
    if not isinstance(statement, exp.Query):
        raise _NotASelect
    used = frozenset(node.name for node in statement.find_all(exp.Parameter))
    return _Selected(tuple(statement.named_selects), used)


def _query_faults(rule: Rule, query: NamedQuery) -> Iterator[tuple[str, str]]:
    try:
        columns, used = _selected(query.sql)
    except SqlglotError as error:
        fault = str(error).splitlines()[0]
        yield "query", f"queries/{query.name}.sql does not parse: {fault}; correct it"
        return
    except _NotASelect:
        yield "query", f"queries/{query.name}.sql is not a SELECT; write one"
        return
    # In this order, too: the rows of all rules are one UNION, which matches columns by position.
    if columns not in (COLUMNS, (*COLUMNS, ERROR_TYPE)):
        yield (
            "query",
            f"queries/{query.name}.sql selects {', '.join(columns)}; it must select {', '.join(COLUMNS)}"
            f" and, for failures, {ERROR_TYPE}",
        )
    declared = {parameter.name for parameter in query.parameters}
    for name in sorted(used - declared):
        yield (
            "query",
            f"queries/{query.name}.sql uses @{name}, which its heading does not declare; declare it there",
        )
    arguments: dict[str, Parameter] = dict.fromkeys(FILLED_PARAMETERS & declared, "x")
    arguments |= {"as_of": _ANY_INSTANT} if "as_of" in declared else {}
    try:
        query.arguments(
            {**arguments, **{name: str(it) for name, it in rule.parameters.items()}}, _ANY_INSTANT
        )
    except QueryParameterError as error:
        yield "parameters", f"{error}; correct it"
