"""Tables with the numbers of a simulated season."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tipoff_cli.times import clock
from tipoff_common.words import pluralize
from tipoff_simulator.outcomes import FinalStatus
from tipoff_simulator.report import SeasonReport, WorkflowNumbers

_EXAMPLES = 3
_STATUS_STYLES = {FinalStatus.MISSING: "bold red", FinalStatus.LATE: "yellow"}


def show_report(console: Console, report: SeasonReport) -> None:
    """Print one configuration: outcomes of expected runs, found and missed documents, and the load of sources."""
    _heading(console, report)
    console.print(_expected(report))
    console.print(_got(report))
    console.print(_sources(report))
    _missing(console, report)
    _missed(console, report)
    if not (report.missing or report.missed):
        console.print("[green]✔[/] nothing was missed")


def show_comparison(console: Console, reports: Mapping[str, SeasonReport]) -> None:
    """Print configurations side by side, one column each."""
    first = next(iter(reports.values()))
    _heading(console, first)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("workflow")
    table.add_column("")
    for heading in _headings(reports):
        table.add_column(heading, justify="right", overflow="fold")
    names = dict.fromkeys(name for report in reports.values() for name in report.workflows)
    for workflow in names:
        for label, value in _MEASURES.items():
            numbers = [report.workflows.get(workflow) for report in reports.values()]
            cells = [value(item) if item else "-" for item in numbers]
            if not set(cells) <= {"0", "-"}:
                style = "" if len(set(cells)) == 1 else "bold"
                table.add_row(workflow if label == "expected runs" else "", label, *cells, style=style)
    for source in dict.fromkeys(name for report in reports.values() for name in report.sources):
        load = [report.sources.get(source) for report in reports.values()]
        table.add_row(source, "requests", *(str(item.requests) if item else "-" for item in load))
        table.add_row("", "most in an hour", *(str(item.most_in_an_hour) if item else "-" for item in load))
    console.print(table)
    for name, report in reports.items():
        if report.missing or report.missed:
            console.print(Text(name, style="bold"))
            _missing(console, report)
            _missed(console, report)


def _count_of(status: FinalStatus) -> Callable[[WorkflowNumbers], str]:
    return lambda numbers: str(numbers.statuses.get(status, 0))


_MEASURES: Mapping[str, Callable[[WorkflowNumbers], str]] = {
    "expected runs": lambda numbers: str(numbers.occurrences),
    **{status.value: _count_of(status) for status in FinalStatus},
    "attempts": lambda numbers: str(numbers.attempts),
    "wasted (no_data)": lambda numbers: str(numbers.no_data),
    "failed": lambda numbers: str(numbers.failed),
    "found": lambda numbers: str(numbers.found),
    "missed": lambda numbers: str(len(numbers.missed)),
    "delay median, min": lambda numbers: f"{numbers.delay.median:g}" if numbers.delay else "-",
    "delay p95, min": lambda numbers: f"{numbers.delay.p95:g}" if numbers.delay else "-",
}


def _headings(reports: Mapping[str, SeasonReport]) -> list[str]:
    """Return the file names, or whole paths when two files have the same name."""
    names = [Path(path).name for path in reports]
    return names if len(set(names)) == len(names) else list(reports)


def _heading(console: Console, report: SeasonReport) -> None:
    console.print(
        f"[bold]{report.first} to {report.last}[/]: {pluralize(report.games, 'game')}, "
        f"{pluralize(report.ticks, 'tick')}, world {report.world}, seed {report.seed}"
    )


def _expected(report: SeasonReport) -> Table:
    table = _table("Expected runs", "workflow", "runs", *(status.value for status in FinalStatus))
    for name, numbers in report.workflows.items():
        cells = [
            Text(str(count), style=_STATUS_STYLES.get(status, "") if count else "bright_black")
            for status in FinalStatus
            for count in [numbers.statuses.get(status, 0)]
        ]
        table.add_row(name, str(numbers.occurrences), *cells)
    return table


def _got(report: SeasonReport) -> Table:
    counts = ("attempts", "wasted", "failed", "found", "missed", "median", "p95", "decided")
    table = _table("Results; median and p95 of the delay in minutes", "workflow", *counts)
    for name, numbers in report.workflows.items():
        delay = numbers.delay
        table.add_row(
            name,
            str(numbers.attempts),
            str(numbers.no_data),
            str(numbers.failed),
            str(numbers.found),
            Text(str(len(numbers.missed)), style="bold red" if numbers.missed else ""),
            f"{delay.median:g}" if delay else "-",
            f"{delay.p95:g}" if delay else "-",
            str(sum(numbers.decisions.values())),
        )
    return table


def _sources(report: SeasonReport) -> Table:
    table = _table("Requests to the sources", "source", "requests", "most in an hour", "then")
    for name, numbers in report.sources.items():
        then = f"{numbers.busiest_hour:%Y-%m-%d %H:%M}" if numbers.busiest_hour else "-"
        table.add_row(name, str(numbers.requests), str(numbers.most_in_an_hour), then)
    return table


def _missing(console: Console, report: SeasonReport) -> None:
    """Print the times of expected runs that never happened."""
    for name, numbers in report.workflows.items():
        runs = numbers.missing_runs
        if not runs:
            continue
        examples = [
            clock(run.expected_run_time, "%Y-%m-%d %H:%M") + ("" if run.subject == "-" else f" {run.subject}")
            for run in runs[:_EXAMPLES]
        ]
        more = ", ..." if len(runs) > _EXAMPLES else ""
        line = f" MISSING {pluralize(len(runs), 'time')}: no run at {', '.join(examples)}{more}"
        console.print(Text.assemble(("✘ ", "red"), (name, "bold"), line))


def _missed(console: Console, report: SeasonReport) -> None:
    for name, numbers in report.workflows.items():
        reasons = Counter(item.reason for item in numbers.missed)
        for reason, count in reasons.most_common():
            examples = [
                f"{item.game_date}" + ("" if item.subject == "-" else f" {item.subject}")
                for item in numbers.missed
                if item.reason == reason
            ]
            more = ", ..." if count > _EXAMPLES else ""
            line = f" missed {pluralize(count, 'time')}: {reason} ({', '.join(examples[:_EXAMPLES])}{more})"
            console.print(Text.assemble(("✘ ", "red"), (name, "bold"), line))


def _table(title: str, name: str, *numbers: str) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column(name, no_wrap=True)
    for column in numbers:
        table.add_column(column, justify="right")
    return table
