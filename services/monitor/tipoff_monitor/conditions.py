"""Present faults: the rows of every rule's query, read in one job, and the faults of the day's verdict."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from tipoff_common.events import AlertLevel
from tipoff_common.outcomes import FailureKind, Trouble
from tipoff_common.ports import Parameter
from tipoff_dataset.batch import SHARED, bare_statement
from tipoff_monitor.loading import COLUMNS, ERROR_TYPE, FILLED_PARAMETERS, RuleBook
from tipoff_monitor.rules import PAUSED
from tipoff_monitor.texts import one_line
from tipoff_planning.verdict import DayVerdict, Fault

SYSTEM = "-"
_PAUSES = f"""
SELECT
  '{PAUSED}' AS rule, name AS subject, since, CAST(NULL AS FLOAT64) AS value, CAST(NULL AS STRING) AS severity,
  IF(target = 'workflow', name, NULL) AS workflow, IF(target = 'scraper', name, NULL) AS scraper, why AS summary,
  CAST(NULL AS STRING) AS error_type
FROM nba_orchestration.standing_pauses(@as_of)
WHERE environment = @environment
"""  # noqa: S608  # a constant
"""Part of the statement of all rules, so that a watch stays at two jobs."""


@dataclass(frozen=True)
class Condition:
    """A present fault: one rule that holds for one subject."""

    rule: str
    subject: str
    since: datetime
    severity: AlertLevel
    summary: str
    value: float | None = None
    """The rule's number for the subject."""
    workflow: str | None = None
    scraper: str | None = None
    error_type: str | None = None
    """The kind of a failure."""
    trouble: str | None = None
    """The common cause of a failure and others: a source that does not answer, a source that changed, or our own
    bug."""
    paused: bool = False
    """Whether its workflow or scraper is paused: the incident is recorded, and no notification is sent until the pause
    ends."""

    @property
    def key(self) -> str:
        """The key of the condition's incident."""
        return f"{self.rule}/{self.subject}"


def batch_query(book: RuleBook, filled_values: Mapping[str, Parameter]) -> tuple[str, dict[str, Parameter]]:
    """Return one statement with the rows of every rule, with the rule in the first column, and its parameters.

    filled_values: values for FILLED_PARAMETERS.
    """
    parts: list[str] = []
    parameters: dict[str, Parameter] = {name: filled_values[name] for name in SHARED}
    as_of = filled_values["as_of"]
    assert isinstance(as_of, datetime)  # noqa: S101  # the caller's own
    for number, (name, query) in enumerate(book.queries.items()):
        # Only declared parameters: `arguments` refuses any other.
        own = {
            key: filled_values[key]
            for key in FILLED_PARAMETERS
            if key in {it.name for it in query.parameters}
        }
        written = {key: str(value) for key, value in book.rules[name].parameters.items()}
        values = query.arguments({**own, **written}, as_of)
        # One prefix per rule, since two queries may use the same name for different parameters.
        parameters |= {f"r{number}_{key}": value for key, value in values.items() if key not in SHARED}
        kind = ERROR_TYPE if name in book.of_failures else f"CAST(NULL AS STRING) AS {ERROR_TYPE}"
        columns = ", ".join((*COLUMNS, kind))
        parts.append(f"SELECT '{name}' AS rule, {columns} FROM (\n{bare_statement(query, f'r{number}_')}\n)")  # noqa: S608
    parts.append(_PAUSES)
    # One statement, hence one job for any number of rules: a job is billed for at least 10 MB of each table that it
    # references, and rules share their tables.
    return "\nUNION ALL\n".join(parts), parameters


@dataclass(frozen=True)
class ActivePauses:
    """Paused workflows and scrapers."""

    workflows: frozenset[str] = frozenset()
    scrapers: frozenset[str] = frozenset()

    def covers(self, condition: Condition) -> bool:
        """Return whether a condition is about a paused workflow or scraper."""
        return condition.workflow in self.workflows or condition.scraper in self.scrapers


def paused_of_rows(rows: Iterable[Mapping[str, object]]) -> ActivePauses:
    """Return the paused workflows and scrapers from the rows of a batch."""
    own = [row for row in rows if row["rule"] == PAUSED]
    return ActivePauses(
        frozenset(str(row["workflow"]) for row in own if row["workflow"] is not None),
        frozenset(str(row["scraper"]) for row in own if row["scraper"] is not None),
    )


def conditions_of_rows(rows: Iterable[Mapping[str, object]], book: RuleBook) -> Iterator[Condition]:
    """Convert the rows of a batch into conditions, with each external text reduced to one line."""
    for row in rows:
        rule, since, value = str(row["rule"]), row["since"], row["value"]
        if rule == PAUSED:
            continue  # a pause and no rule; `paused_of_rows` reads it
        level = row["severity"]
        if not isinstance(since, datetime):
            continue  # an aggregate over no rows: no condition
        yield Condition(
            rule=rule,
            subject=one_line(str(row["subject"])),
            since=since,
            # `effective`: a level of a newer version counts as a known one instead of ending the watch.
            severity=AlertLevel(str(level)).effective if level else book.rules[rule].severity,
            summary=one_line(str(row["summary"])),
            value=float(value) if isinstance(value, int | float) else None,
            workflow=_name(row["workflow"]),
            scraper=_name(row["scraper"]),
            error_type=_name(row.get(ERROR_TYPE)),
        )


def _name(value: object) -> str | None:
    return one_line(str(value)) if value is not None else None


def conditions_of_verdict(
    verdict: DayVerdict, book: RuleBook, levels: Mapping[str, AlertLevel]
) -> Iterator[Condition]:
    """Turn red faults of the day into conditions, one per rule and workflow or scraper.

    levels: the alert level of each workflow, which is the severity of its faults.
    """
    for rule_name, rule in book.rules.items():
        grouped: dict[str, list[Fault]] = {}
        for fault in verdict.faults:
            # A yellow fault has another attempt to come and wakes no one. A fault that is yellow due to a pause stays
            # an incident, silenced: it is not over.
            if fault.kind in rule.verdict and (fault.color.value == "red" or fault.paused):
                grouped.setdefault(_subject(fault), []).append(fault)
        for subject, faults in grouped.items():
            # Report the oldest fault: the first one is the likeliest cause of the others.
            first = min(faults, key=lambda fault: fault.since)
            more = f" And {len(faults) - 1} more." if len(faults) > 1 else ""
            error = f" {first.error}" if first.error else ""
            yield Condition(
                rule=rule_name,
                subject=subject,
                since=first.since,
                severity=levels.get(first.workflow or "", rule.severity),
                summary=one_line(f"{_begun(first)}.{error}{more}"),
                value=float(sum(fault.count for fault in faults)),
                workflow=first.workflow,
                scraper=first.scraper,
                error_type=first.error_type,
                # A single fault that no pause explains is enough for a notification.
                paused=all(fault.paused for fault in faults),
            )


def find_conditions(
    rows: Iterable[Mapping[str, object]],
    verdict: DayVerdict,
    book: RuleBook,
    levels: Mapping[str, AlertLevel],
    sources: Mapping[str, str],
) -> tuple[Condition, ...]:
    """Return all present faults from the rows of a batch and the day's verdict.

    levels: the alert level of each workflow. sources: the source of each scraper.
    """
    rows = list(rows)
    paused = paused_of_rows(rows)
    found = (*conditions_of_rows(rows, book), *conditions_of_verdict(verdict, book, levels))
    return tuple(
        replace(item, paused=item.paused or paused.covers(item), trouble=trouble_of(item, sources))
        for item in found
    )


def trouble_of(condition: Condition, sources: Mapping[str, str]) -> str | None:
    """Name the common cause of a failure and others; None when the condition is no failure of a scraper."""
    if condition.error_type is None or condition.scraper is None:
        return None
    trouble = FailureKind(condition.error_type).trouble
    # Our own bug is one cause across all sources; an outage or a change is one per source.
    return (
        trouble.value
        if trouble is Trouble.OURS
        else f"{sources.get(condition.scraper, condition.scraper)} {trouble}"
    )


def _begun(fault: Fault) -> str:
    """Capitalize the fault's sentence unless it begins with a name, which people search for as written."""
    names = tuple(filter(None, (fault.workflow, fault.scraper)))
    if fault.sentence.startswith(names):
        return fault.sentence
    return f"{fault.sentence[:1].upper()}{fault.sentence[1:]}"


def _subject(fault: Fault) -> str:
    if fault.workflow is None:
        return SYSTEM
    return f"{fault.workflow}/{fault.scraper}" if fault.scraper else fault.workflow
