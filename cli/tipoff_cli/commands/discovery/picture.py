"""A discovery report as text: the curve as bars with the day's checks beside it, and a table of the checks."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.text import Text

from tipoff_cli.console import console, say_rows
from tipoff_cli.times import clock
from tipoff_planning.discovery.plans import PURPOSES
from tipoff_planning.discovery.report import CheckState, CurveBin, DayCheck, DiscoveryReport
from tipoff_planning.workflows import Strategy

_MOST_ROWS = 26
"""The most lines of the curve, which has to fit a terminal together with the text around it."""
_BAR = 32
_MENTIONED_WEIGHT = 0.1
"""Weight above which the report mentions that days are moved with their first tip-off."""
_EIGHTHS = " ▏▎▍▌▋▊▉"
_STYLES = {
    CheckState.PLANNED: "cyan",
    CheckState.FOUND: "bold green",
    CheckState.IN_VAIN: "yellow",
    CheckState.FAILED: "bold red",
    CheckState.NOT_MADE: "bold red",
    CheckState.NOT_NEEDED: "bright_black",
}


def show_report(report: DiscoveryReport) -> None:
    """Print the learned publication times of the source, and the checks of the day."""
    console.print(Text(f"discovery: {report.headline}", "bold"))
    if report.curve and report.days:
        for line in draw_curve(report.curve, report.checks):
            console.print(line)
        rest = f"before the window {report.early:.0%}, not in it {report.never:.0%}"
        console.print(f"  {rest}", style="bright_black")
    plan = report.plan
    # Every estimate has some weight; below a tenth, the source does not follow its games.
    if plan.model is not None and (plan.model.tip_off_weight or 0) > _MENTIONED_WEIGHT:
        console.print(
            f"days are moved with their first tip-off, which has {plan.model.tip_off_weight:.0%} of the weight"
        )
    if plan.learned and report.strategy is Strategy.LEARNED and plan.expected_delay_minutes is not None:
        console.print(
            f"expected: found {plan.expected_delay_minutes:g} min after publication, with"
            f" {plan.expected_checks:.1f} checks a day (at most {plan.budget}, no gap over {plan.max_gap_minutes} min,"
            f" a check is worth {plan.price_per_attempt:g} min)"
        )
    if report.checks:
        say_rows(("check", "for", "finds it", "state"), [_row(check) for check in report.checks])
    if not report.agrees:
        note = (
            f"the day's decisions followed model {report.followed_model}; rows that came since change the fit"
        )
        console.print(note, style="yellow")


def _row(check: DayCheck) -> Sequence[str | Text]:
    return (
        clock(check.at, "%H:%M"),
        PURPOSES[check.purpose] if check.purpose else "the beat",
        f"{check.probability:.0%} of days" if check.probability is not None else "-",
        Text(check.state.label, _STYLES[check.state]),
    )


def draw_curve(curve: Sequence[CurveBin], checks: Sequence[DayCheck]) -> Iterator[Text]:
    """Yield a line for each stretch of the window: its time, its share of the days as a bar, and its checks."""
    per_row = next(size for size in (1, 2, 3, 4, 6, 12, 24) if len(curve) <= size * _MOST_ROWS or size == 24)
    rows = [curve[start : start + per_row] for start in range(0, len(curve), per_row)]
    shares = [sum(item.probability for item in row) for row in rows]
    most = max(shares)
    marked = _by_row(rows, checks)
    for row, share, instants in zip(rows, shares, marked, strict=True):
        eighths = round(8 * _BAR * share / most) if most else 0
        bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
        line = Text.assemble(
            f"  {clock(row[0].starts, '%H:%M')} ", (bar.ljust(_BAR), "cyan"), f" {share:4.0%}"
        )
        if instants:
            line.append(f"  ◂ {', '.join(clock(instant, '%H:%M') for instant in instants)}", "bold")
        yield line


def _by_row(rows: Sequence[Sequence[CurveBin]], checks: Sequence[DayCheck]) -> list[list[datetime]]:
    """Return the checks of each line; a check at the end of a stretch belongs to it, as it finds earlier documents."""
    marked: list[list[datetime]] = [[] for _ in rows]
    for check in checks:
        for number, row in enumerate(rows):
            if check.at <= row[-1].ends or number + 1 == len(rows):
                marked[number].append(check.at)
                break
    return marked
