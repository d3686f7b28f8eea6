"""`tipoff alerts`: incidents, acknowledgements, silences and routes."""

from datetime import datetime, timedelta
from typing import Annotated, TypeVar
from urllib.parse import quote

import typer
from rich.text import Text

from tipoff_cli.checkout import ticks
from tipoff_cli.connection import find_connection
from tipoff_cli.console import WRONG_USAGE, AsJson, console, reason, refuse, say_fields, say_json, say_rows
from tipoff_cli.service_client import ask, read_answer
from tipoff_cli.times import cadence, clock, instant, zone_name
from tipoff_common.events import AlertLevel, AlertState, Tick
from tipoff_common.wall_clock import wall_now
from tipoff_planning.alerts import Incident, RouteView, ShownIncident, Silence, TestResult, Watching

T = TypeVar("T")
_STYLES = {AlertLevel.CRITICAL: "bold red", AlertLevel.WARNING: "yellow", AlertLevel.INFO: "cyan"}

alerts = typer.Typer(no_args_is_help=True, help="List, acknowledge and silence alerts; show who is notified.")
IncidentName = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="an incident's id or its beginning, or rule/subject; the rule or rule/workflow with one open incident",
        show_default=False,
    ),
]
Why = Annotated[
    str,
    typer.Option(
        "--why",
        parser=reason,
        metavar="TEXT",
        help="the reason, shown with the silence",
        show_default=False,
    ),
]


def _ask(
    shape: type[T],
    method: str,
    path: str,
    query: dict[str, str] | None = None,
    json: dict[str, object] | None = None,
) -> T:
    """Send a request to the monitor. Raises NotAnswered, also when another server answers."""
    connection = find_connection()
    body = ask(connection, method, path, query=query or {}, json=json, service="monitor")
    return read_answer(shape, body, connection, "monitor")


def _time(at: datetime | None) -> str:
    return clock(at, "%Y-%m-%d %H:%M") if at else "-"


@alerts.command("list")
def list_incidents(
    everything: Annotated[
        bool, typer.Option("--all", help="include pending and recently resolved incidents")
    ] = False,
    json: AsJson = False,
) -> None:
    """List the open alerts, worst first. Exit code 1 when the monitor does not answer."""
    found = _ask(Watching, "GET", "/incidents", {"everything": str(everything).lower()})
    if json:
        say_json(found.model_dump(mode="json"))
        return
    if found.blind_since:
        since = _time(found.blind_since)
        console.print(
            Text(f"? no alerts evaluated since {since}: the warehouse does not answer", "bold yellow")
        )
    if found.silent_since:
        since = _time(found.silent_since)
        console.print(
            Text(
                f"? the monitor has not run since {since}; the alerts below are as of then;"
                " see docs/runbooks/not-watching.md",
                "bold yellow",
            )
        )
    if found.incidents:
        # Two lines each: on a phone, a table would be folded into many.
        for incident in found.incidents:
            severity = incident.severity
            since = f"{incident.state} since {_time(incident.since)}"
            line = f"{incident.id[:8]}  {severity:<8}  {_about(incident)}  {since}"
            console.print(Text(line, _STYLES.get(severity, "")))
            console.print(Text(f"          {incident.summary}{_known_by(incident)}"))
    elif not found.watched_at:
        console.print(Text("? no alerts evaluated yet", "bold yellow"))
    elif found.silent_since or found.blind_since:
        console.print("no alerts were open then")
    else:
        console.print(Text("✔ no open alerts", "bold green"))
    for item in found.silences:
        about = f"{item.rule}/{item.subject}" if item.subject else item.rule
        said = f"silence {item.id}: {about} until {_time(item.until)} by {item.by}: {item.why}"
        console.print(Text(said, "magenta"))
    watched = (
        f"watched at {_time(found.watched_at)} {zone_name()} time"
        if found.watched_at
        else f"never watched yet; {_first_watch(wall_now())}"
    )
    console.print(watched, style="bright_black")


def _first_watch(now: datetime) -> str:
    """Return a sentence with the time at which the first watch is due."""
    watch = ticks().get(Tick.WATCH)
    if watch is None:
        return "infra/ticks.yaml has no tick watch; add it"
    due = watch.next_due(now)
    return f"the next watch is due at {clock(due, '%Y-%m-%d %H:%M')} {zone_name()} time"


def _about(incident: Incident) -> str:
    return incident.rule if incident.subject == "-" else f"{incident.rule}/{incident.subject}"


def _known_by(incident: Incident) -> str:
    if incident.cause:
        return f" (explained by {incident.cause})"
    return f" (notified with {incident.covered_by})" if incident.covered_by else ""


@alerts.command()
def show(name: IncidentName, json: AsJson = False) -> None:
    """Show one incident, and what to do about it."""
    found = _ask(ShownIncident, "GET", f"/incidents/{quote(name, safe='/')}")
    if json:
        say_json(found.model_dump(mode="json"))
        return
    fields: list[tuple[str, str | None]] = [
        ("alert", f"{_about(found)}, {found.severity}, {found.state}"),
        ("summary", found.summary),
        ("since", f"{_time(found.since)} {zone_name()} time"),
        ("notified", _notified(found)),
        ("covers", "\n".join(found.stands_for) or None),
        ("command", found.command),
        ("runbook", found.runbook),
        ("acknowledged", found.acknowledged_by or _unanswered(found)),
    ]
    say_fields([(Text(name, "bold"), value) for name, value in fields if value is not None])


def _unanswered(incident: Incident) -> str | None:
    # The monitor refuses to acknowledge a pending or resolved incident.
    if incident.state in (AlertState.PENDING, AlertState.RESOLVED):
        return None
    return f"no; tipoff alerts ack {incident.id[:8]}"


def _notified(incident: Incident) -> str:
    if incident.cause or incident.covered_by:
        return f"with {incident.cause or incident.covered_by}"
    return f"{_time(incident.notified_at)}, as {incident.notified_severity}" if incident.notified_at else "no"


@alerts.command()
def ack(name: IncidentName) -> None:
    """Acknowledge an incident: no reminder from here on, and no escalation unless it grows."""
    found = _ask(Incident, "POST", f"/acknowledgements/{quote(name, safe='/')}")
    console.print(f"{_about(found)} acknowledged by {found.acknowledged_by}")


@alerts.command()
def silence(
    rule: Annotated[
        str,
        typer.Argument(
            metavar="RULE[/SUBJECT]",
            help="a rule of config/alerts.yaml, or a subject of it as `tipoff alerts list` prints it;"
            " a workflow covers each of its alerts",
            show_default=False,
        ),
    ],
    why: Why,
    lasting: Annotated[
        timedelta | None,
        typer.Option(
            "--for",
            parser=cadence,
            metavar="DURATION",
            help="30m, 8h; an hour when neither this nor --until is given",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="TIME", help="in place of --for", show_default=False),
    ] = None,
) -> None:
    """Silence a rule, or one subject of it, for a while; its changes are recorded all the same."""
    name, _, subject = rule.partition("/")
    if until is not None and lasting is not None:
        refuse("give --until or --for, not both", WRONG_USAGE)
    end = until or wall_now() + (lasting or timedelta(hours=1))
    body: dict[str, object] = {"rule": name, "subject": subject or None, "until": end.isoformat(), "why": why}
    made = _ask(Silence, "POST", "/silences", json=body)
    console.print(f"silence {made.id} until {_time(made.until)} {zone_name()} time")
    if made.subject is not None:
        _warn_if_it_covers_nothing(made)


def _warn_if_it_covers_nothing(made: Silence) -> None:
    """Print a warning where the silence covers no open alert. It is no error: the alert may open later."""
    found = _ask(Watching, "GET", "/incidents", {"everything": "true"}).incidents
    standing = [it for it in found if it.rule == made.rule and it.state is not AlertState.RESOLVED]
    now = wall_now()
    if not any(made.covers(it, now) for it in standing):
        names = ", ".join(_about(it) for it in standing) or "none"
        line = f"! {made.rule}/{made.subject} covers no open alert; open alerts of this rule: {names}"
        console.print(Text(line, "bold yellow"))


@alerts.command()
def unsilence(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="a silence's id, or its rule", show_default=False)
    ],
) -> None:
    """End a silence."""
    ask(find_connection(), "DELETE", f"/silences/{quote(name, safe='')}", service="monitor")
    console.print("notifications resume with the next watch")


@alerts.command()
def test(
    rule: Annotated[
        str, typer.Argument(metavar="RULE", help="a rule of config/alerts.yaml", show_default=False)
    ],
    send: Annotated[bool, typer.Option("--send", help="send the message; without it, only show it")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show it, as without --send")] = False,
    escalated: Annotated[
        bool, typer.Option("--escalated", help="as after a missing acknowledgement")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show the channels and the text of a rule's message, or send a test. Exit code 1 when a channel refuses it."""
    if send and dry_run:
        refuse("give --send or --dry-run, not both", WRONG_USAGE)
    query = {"dry_run": str(not send).lower(), "escalated": str(escalated).lower()}
    found = _ask(TestResult, "POST", f"/rules/{quote(rule, safe='')}/rehearsals", query)
    if json:
        say_json(found.model_dump(mode="json"))
    else:
        console.print(Text(found.title, "bold"))
        console.print(Text(found.body))
        verdicts = {None: "would be notified", True: "notified", False: "refused the message"}
        for channel, taken in found.channels.items():
            console.print(f"{channel}: {verdicts[taken]}")
    if False in found.channels.values():
        raise typer.Exit(1)


@alerts.command()
def routes(
    dry_run: Annotated[  # noqa: ARG001  # accepted for cautious operators
        bool, typer.Option("--dry-run", help="no effect: this command never sends anything")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show the channels of each rule, at once and when escalated. Nothing is sent."""
    found = _ask(tuple[RouteView, ...], "GET", "/routes")
    if json:
        say_json([item.model_dump(mode="json") for item in found])
        return
    rows = [
        (
            item.rule,
            item.severity,
            ", ".join(item.channels) or "none",
            ", ".join(item.escalated) or "-",
        )
        for item in found
    ]
    say_rows(("rule", "severity", "channels", "when escalated"), rows)
