"""The demo's output on the console."""

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tipoff_common.clock import fleet_zone
from tipoff_common.events import Tick, TickFired
from tipoff_common.ports import Warehouse
from tipoff_dev.demo.day import GAME_DAY, Answers
from tipoff_dev.stack.layout import SERVICES
from tipoff_dev.stack.stack import Stack

_MARKS = {
    "RUN": ("▶", "cyan"),
    "SKIP": ("·", "bright_black"),
    "ABORT": ("■", "red"),
    "success": ("✔", "green"),
    "no_data": ("○", "yellow"),
    "failed": ("✘", "red"),
    "receipt": ("↳", "green"),
}
_STATUS_STYLES = {
    "ON_TIME": "green",
    "SKIPPED_OK": "green",
    "LATE": "yellow",
    "PENDING": "cyan",
    "MISSING": "red",
}
_EXPECTED = "SELECT COUNT(*) AS n FROM nba_orchestration.v_expected_schedule WHERE date = @day"
_DECISIONS = """
SELECT decision_id, workflow_name, action, reason,
  TIMESTAMP_DIFF(decision_time, TIMESTAMP(JSON_VALUE(context, '$.expected_run_time')), MINUTE) = 0 AS due
FROM nba_orchestration.v_decisions
WHERE DATE(decision_time) = DATE(@at) AND decision_time = @at
ORDER BY workflow_name DESC
"""
_EXECUTIONS = """
SELECT decision_id, scraper_name, status, error_message,
  JSON_VALUE(data_summary, '$.record_count') AS records, JSON_VALUE(data_summary, '$.reason') AS reason,
  processor, row_count
FROM nba_orchestration.v_executions
LEFT JOIN (
  SELECT DISTINCT gcs_path, processor, row_count
  FROM nba_orchestration.file_receipts WHERE DATE(processed_at) = DATE(@at)
) USING (gcs_path)
WHERE DATE(triggered_at) = DATE(@at) AND triggered_at = @at
ORDER BY scraper_name
"""


def show_addresses(console: Console, stack: Stack) -> None:
    """Print the address of each process of the stack."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("what", "where"):
        table.add_column(column)
    for name in stack.layout.ports:
        note = "/docs" if name in SERVICES else ""
        address = stack.layout.address(name)
        table.add_row(name, f"http://{address}{note}" if name in SERVICES else address)
    console.print(table)
    faked = stack.layout.faked_hosts()
    console.print(
        f"via fake: {', '.join(faked) or 'no host'}; requests to every other host reach the real source"
        + (" (tipoff up --live HOST sends more there)" if faked else ""),
        highlight=False,
        soft_wrap=True,
    )


class Timeline:
    """Printer of the day, tick by tick, from the dataset. Repeated skips with the same reason are printed once."""

    def __init__(self, console: Console, warehouse: Warehouse) -> None:
        self._console, self._warehouse = console, warehouse
        self._last_reasons: dict[str, str] = {}

    def show(self, tick: TickFired) -> None:
        """Print one tick's decisions and their executions. Raises Unavailable."""
        if tick.event_time is None or tick.tick is Tick.CLEANUP:
            return
        if tick.tick is Tick.LOCK_SCHEDULE:
            rows = self._warehouse.query(_EXPECTED, {"day": GAME_DAY})
            self._line(
                tick.event_time,
                Text("▣", style="magenta"),
                "schedule",
                f"locked: {rows[0]['n']} runs expected",
            )
            return
        executions = self._warehouse.query(_EXECUTIONS, {"at": tick.event_time})
        for decision in self._warehouse.query(_DECISIONS, {"at": tick.event_time}):
            name, reason = decision["workflow_name"], decision["reason"]
            if decision["due"] or self._last_reasons.get(name) != reason:
                self._line(tick.event_time, _mark(decision["action"]), name, reason)
            self._last_reasons[name] = reason
            for execution in executions:
                if execution["decision_id"] == decision["decision_id"]:
                    self._line(
                        None, _mark(execution["status"]), execution["scraper_name"], _outcome(execution)
                    )
                    if execution["processor"]:
                        text = (
                            f"processed by Phase 2's {execution['processor']}, {execution['row_count']} rows"
                        )
                        self._line(None, _mark("receipt"), "", text)

    def _line(self, instant: datetime | None, mark: Text, name: str, text: str) -> None:
        clock = (f"{instant.astimezone(fleet_zone()):%H:%M}" if instant else "", "bold")
        line = Text.assemble((f"{clock[0]:<5} ", "bold"), mark, " ", (f"{name:<20}", "bold"), text)
        self._console.print(line, no_wrap=True, overflow="ellipsis")


def show_answers(console: Console, answers: Answers) -> None:
    """Print the dataset's answers about the day."""
    console.rule("the dataset's answers")
    found, tried = answers.discovery, answers.attempts
    console.print(
        f"[bold]Was it found?[/]  {found.get('status')}, {found.get('records')} records at {found.get('time_et')} ET"
    )
    console.print(
        f"[bold]How often was it requested?[/]  {tried.get('attempts_today')} attempts:"
        f" {tried.get('found_data')} found, {tried.get('no_data_yet')} not published yet,"
        f" {tried.get('failures')} failed"
    )
    console.print(
        f"[bold]Did Phase 2 get it?[/]  {answers.files_processed} of {answers.files_landed} files have their receipt"
    )
    table = Table(title="Expected against actual", title_justify="left", header_style="bold")
    for column in ("workflow", "expected", "actual", "status", "why"):
        table.add_column(column)
    for row in answers.expected_vs_actual:
        style = _STATUS_STYLES.get(row["status"], "")
        table.add_row(
            row["workflow_name"],
            row["expected_time"],
            row["actual_time"] or "-",
            Text(row["status"], style=style),
            row["actual_reason"] or "",
        )
    console.print(table)


def _mark(key: str) -> Text:
    sign, style = _MARKS[key]
    return Text(sign, style=style)


def _outcome(execution: dict[str, Any]) -> str:
    match execution["status"]:
        case "success":
            return f"success, {execution['records']} records"
        case "no_data":
            return f"no_data: {execution['reason']}"
        case _:
            return f"failed: {execution['error_message']}"
