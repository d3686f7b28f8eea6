"""`tipoff discovery`: learned publication times of sources, and advice whether a search should use them."""

from datetime import date, timedelta
from typing import Annotated

import typer
from rich.text import Text

from tipoff_cli.calendars import load_calendar
from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_cli.commands.discovery.picture import show_report
from tipoff_cli.connection import NotConnected, find_connection
from tipoff_cli.console import (
    AsJson,
    ScrapersFolder,
    WorkflowsOption,
    console,
    jsonable,
    load_configuration,
    refuse,
    refuse_unknown,
    say_json,
    say_rows,
)
from tipoff_cli.times import clock, day, zone_name
from tipoff_common.clock import business_date
from tipoff_common.ports import Unavailable
from tipoff_common.wall_clock import wall_now
from tipoff_planning.discovery.advice import Advice
from tipoff_planning.discovery.advice import advise as advise_search
from tipoff_planning.discovery.report import read_discovery
from tipoff_planning.discovery.searches import (
    HISTORY_DAYS,
    cannot_learn,
    history_of,
    search_of,
    searched_scraper,
)
from tipoff_planning.execution_log import read_looks
from tipoff_planning.schedules import Discovery
from tipoff_planning.workflows import Configuration

discovery = typer.Typer(
    no_args_is_help=True, help="Show learned publication times, and advise whether a search should use them."
)


@discovery.command()
def show(
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="a workflow of kind discovery")],
    on: Annotated[
        date | None,
        typer.Option("--date", parser=day, metavar="DAY", help="the day of the checks; today when left out"),
    ] = None,
    workflows: WorkflowsOption = WORKFLOWS,
    scrapers: ScrapersFolder = SCRAPERS,
    json: AsJson = False,
) -> None:
    """Show when a source publishes according to the dataset, and when a day's checks look for it. Changes nothing.

    Exit code 1 when the workflow's publication times cannot be learned, 3 when the dataset cannot be queried.
    """
    configuration = load_configuration(workflows, scrapers)
    _require_learnable(workflow, configuration)
    now = wall_now()
    on = on or business_date(now)
    calendar, _ = load_calendar(None, configuration, now, needed=False)
    try:
        connection = find_connection()
        report = read_discovery(
            connection.warehouse(), connection.environment, configuration, workflow, on, now, calendar
        )
    except (NotConnected, Unavailable) as error:
        refuse(str(error), 3)
    if report is None:
        refuse(f"{workflow} has no window on {on:%A}s; name another --date")
    if json:
        say_json(jsonable(report))
        return
    opens, closes = clock(report.opens, "%H:%M"), clock(report.closes, "%H:%M")
    console.print(f"[bold]{workflow}[/] on {on}, {opens} to {closes} {zone_name()} time")
    show_report(report)


@discovery.command()
def advise(
    workflow: Annotated[
        str | None, typer.Argument(metavar="[WORKFLOW]", help="all of kind discovery when left out")
    ] = None,
    workflows: WorkflowsOption = WORKFLOWS,
    scrapers: ScrapersFolder = SCRAPERS,
    json: AsJson = False,
) -> None:
    """Advise whether a search should learn: replay its own history on its beat and on learned checks, and compare.

    Exit code 1 when the workflow's publication times cannot be learned, 3 when the dataset cannot be queried.
    """
    configuration = load_configuration(workflows, scrapers)
    if workflow is not None:
        _require_learnable(workflow, configuration)
    names = [workflow] if workflow is not None else _learnable(configuration)
    found = [advice for name in names if (advice := _advice(name, configuration)) is not None]
    if json:
        say_json(jsonable(found))
        return
    if not found:
        console.print("no workflow of kind discovery searches for a single document")
    for advice in found:
        _show_advice(advice)


def _show_advice(advice: Advice) -> None:
    history = f"{advice.days} days, {advice.first_day} to {advice.last_day}" if advice.days else "no history"
    console.print(Text.assemble((advice.workflow, "bold"), f" ({history})"))
    good = advice.price_per_attempt is not None
    console.print(Text(f"{'✔' if good else '·'} {advice.sentence}", "green" if good else ""))
    if advice.fixed is None:
        return
    rows = [("fixed", "-", *_figures(advice.fixed.model_dump()))]
    rows += [
        ("learned", f"{item.price_per_attempt:g}", *_figures(item.model_dump())) for item in advice.learned
    ]
    say_rows(("strategy", "price", "mean delay", "95% within", "attempts a day"), rows)
    if advice.price_per_attempt is not None:
        written = f"discovery: {{ strategy: learned, price_per_attempt: {advice.price_per_attempt:g} }}"
        console.print(f"write in workflows.yaml: {written}")
    known = f"the history dates publications to {advice.resolution_minutes:g} minutes on average"
    console.print(f"{known}; times are drawn from it", style="bright_black")


def _figures(item: dict[str, float]) -> tuple[str, str, str]:
    mean, late = item["mean_delay_minutes"], item["p95_delay_minutes"]
    return f"{mean:g} min", f"{late:g} min", f"{item['attempts_per_day']:g}"


def _advice(workflow: str, configuration: Configuration) -> Advice | None:
    """Return the advice from the history up to yesterday; None for a workflow without a window in the next week."""
    now = wall_now()
    days = (business_date(now) + timedelta(days=number) for number in range(7))
    search = next(
        (found for on in days if (found := search_of(configuration, workflow, on)) is not None), None
    )
    schedule = configuration.workflows[workflow].schedule
    if search is None or not isinstance(schedule, Discovery):
        return None
    last = search.game_date - timedelta(days=1)
    first = last - timedelta(days=HISTORY_DAYS)
    scraper = searched_scraper(configuration, workflow)
    calendar, _ = load_calendar(None, configuration, now, needed=False)
    try:
        connection = find_connection()
        facts = read_looks(connection.warehouse(), connection.environment, [scraper], first, last)
    except (NotConnected, Unavailable) as error:
        refuse(str(error), 3)
    closes = search.opens + timedelta(minutes=search.window_minutes)
    beat = [(moment - search.opens) / timedelta(minutes=1) for moment in schedule.beat(search.opens, closes)]
    return advise_search(search, history_of(search, facts, configuration, now, calendar), beat)


def _learnable(configuration: Configuration) -> list[str]:
    return [name for name in configuration.workflows if cannot_learn(configuration, name) is None]


def _require_learnable(workflow: str, configuration: Configuration) -> None:
    if workflow not in configuration.workflows:
        refuse_unknown("workflow", workflow, configuration.workflows)
    if why := cannot_learn(configuration, workflow):
        refuse(f"{why}; use one of {', '.join(_learnable(configuration)) or 'none'}")
