"""Builders of each page's model from the newest snapshots. Thin: `pages` decides what to show."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from fastapi import HTTPException

from tipoff_common import COMMIT
from tipoff_common.clock import business_date, read_date
from tipoff_common.events import AlertState, PauseTarget
from tipoff_common.reproduce import reparse_command, scrape_command
from tipoff_common.words import nearest
from tipoff_dataset.landed_files import FileSelector, NoFileNamed
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.facts import FleetSummary, Recent, ScraperHealth, StandingPauseRow
from tipoff_monitor.console.pages.operations import (
    AlertsPage,
    ConfigurationPage,
    DeadLettersPage,
    FileFacts,
    FilesPage,
    SimulationPage,
    difference,
    previous_hash,
)
from tipoff_monitor.console.pages.page import DataAge, SourceName, data_age
from tipoff_monitor.console.pages.run import RunPage, links_of
from tipoff_monitor.console.pages.scrapers import ScraperLine, ScraperPage, ScrapersPage, ordered
from tipoff_monitor.console.pages.today import TodayPage, rows_of, upcoming
from tipoff_monitor.console.pages.workflow import WorkflowPage, decisions_now
from tipoff_monitor.console.snapshots import Patience, Reading
from tipoff_monitor.rehearsal import route_of
from tipoff_monitor.simulation import StoredSimulation
from tipoff_monitor.views import watching
from tipoff_planning.discovery.plans import NO_PLANS
from tipoff_planning.pauses import Pause, Pauses
from tipoff_planning.schedules import Discovery
from tipoff_planning.verdict import judge_day

Query = Mapping[str, str]
T = TypeVar("T")
_BACK = timedelta(days=1100)
_AHEAD = timedelta(days=14)
"""Three seasons back, for the replay of a past season; schedules are locked a day ahead. Other days are not queried."""
_LONGEST_ID = 1100
"""Characters of the longest object name that Cloud Storage accepts, with its bucket."""
_LANDED = 40
_STUCK_FILES = "files-stuck"
"""The rule about files that cleanup cannot heal."""


class _PageReader:
    """Reader of one page's sources, which notes the age of each."""

    def __init__(self, deps: ConsoleDeps, patience: Patience) -> None:
        self.deps, self.patience, self.now = deps, patience, deps.now()
        self.today = business_date(self.now)
        self.ages: list[DataAge] = []

    def take(self, name: SourceName, reading: Reading[T]) -> T | None:
        """Return a source's newest value (None when there is none), and note its age."""
        snapshot = self.deps.snapshots.get(reading, self.patience)
        self.ages.append(data_age(name, snapshot, self.now))
        return snapshot.value

    def fleet(self) -> FleetSummary | None:
        return self.take(SourceName.FLEET, self.deps.sources.fleet())

    def recent(self) -> Recent | None:
        return self.take(SourceName.RECENT, self.deps.sources.recent())

    def names(self) -> Mapping[str, str]:
        """Return the names of games; pages show ids when the calendar cannot be read, so no age is noted."""
        calendar = self.deps.snapshots.get(self.deps.sources.calendar(), self.patience).value
        return calendar.game_names if calendar else {}

    def frame(self, title: str) -> dict[str, Any]:
        """Return the common first fields of every page's model."""
        return {
            "title": title,
            "environment": self.deps.environment,
            "as_of": self.now,
            "sources": tuple(self.ages),
        }


def day_of(query: Query, today: date) -> date:
    """Return the day that an address names, or today without one; 404 for any other text."""
    text = query.get("date", "")
    if not text:
        return today
    try:
        return read_date(text)
    except ValueError as error:
        raise HTTPException(404, str(error)) from error


def build_today(deps: ConsoleDeps, query: Query, patience: Patience) -> TodayPage:
    """Build the page of a day."""
    reader = _PageReader(deps, patience)
    day = day_of(query, reader.today)
    # An address can name any day: without a bound, a crawler that follows "the day before" would cost a job per day.
    is_near = reader.today - _BACK <= day <= reader.today + _AHEAD
    expected = reader.take(SourceName.DAY, deps.sources.day(day, reader.now)) if is_near else None
    # The present health of scrapers is irrelevant for another day.
    fleet = reader.fleet() if day == reader.today else None
    memory = reader.take(SourceName.ALERTS, deps.sources.memory())
    names = reader.names()
    # By the same function as `tipoff status`, so that a page and a terminal never disagree about a day.
    verdict = judge_day(expected, names, locks_at=deps.monitor.locks_at) if expected else None
    rows = rows_of(expected, verdict) if expected and verdict else ()
    unknown = "has not been read yet" if is_near else "is out of range: no data is stored or planned for it"
    subjects = {row.subject for row in expected.expectations if row.subject} if expected else set()
    return TodayPage(
        **reader.frame("Today" if day == reader.today else f"{day:%a %d %b %Y}"),
        date=day,
        is_today=day == reader.today,
        color=verdict.color if verdict else None,
        headline=verdict.headline if verdict else unknown,
        day_faults=verdict.faults if verdict else (),
        rows=rows,
        # A past day has no upcoming runs.
        upcoming=upcoming(rows, names, reader.now) if day >= reader.today else (),
        sick=tuple(item for item in fleet.health if not item.is_well) if fleet else (),
        alerts=watching(memory, deps.monitor.book.file, reader.now, everything=False).incidents
        if memory
        else (),
        pauses=_pauses(fleet, reader.now),
        # Only the names on the page: otherwise its JSON would carry a season of names.
        game_names={subject: names[subject] for subject in sorted(subjects & names.keys())},
    )


def _pauses(fleet: FleetSummary | None, now: datetime) -> Mapping[str, StandingPauseRow]:
    """Return the current pauses of workflows, without those that ended since they were read."""
    pauses = fleet.pauses if fleet else ()
    return {row.name: row for row in pauses if row.target == "workflow" and row.until > now}


def _standing(fleet: FleetSummary | None) -> Pauses:
    """Return the pauses as input of decisions, including those of scrapers."""
    return Pauses(
        items=tuple(
            Pause(
                id=f"{row.target} {row.name}",  # a target has one pause at a time, and no decision names its id
                target=PauseTarget(row.target),
                name=row.name,
                since=row.since,
                until=row.until,
                by=row.changed_by or "an unknown person",
                why=row.why or "no reason given",
            )
            for row in (fleet.pauses if fleet else ())
        )
    )


def build_workflow(deps: ConsoleDeps, query: Query, patience: Patience) -> WorkflowPage:
    """Build the page of a workflow; 404 for one that is not configured."""
    name = query["name"]
    workflow = deps.configuration.workflows.get(name)
    if workflow is None:
        raise HTTPException(404, _unknown("workflow", name, deps.configuration.workflows))
    reader = _PageReader(deps, patience)
    expected = reader.take(SourceName.DAY, deps.sources.day(reader.today, reader.now))
    recent, fleet = reader.recent(), reader.fleet()
    calendar = deps.snapshots.get(deps.sources.calendar(), patience).value
    names = calendar.game_names if calendar else {}
    # A report costs two jobs and a fit, and a schedule that searches nothing has none.
    discovery = None
    if isinstance(workflow.schedule, Discovery):
        discovery = reader.take(SourceName.LEARNED, deps.sources.discovery(name, reader.today, calendar))
    # Explain by the controller's own plan: a search that is configured to keep its beat follows the beat, although the
    # page shows the plan that it could learn.
    plans = (
        {(name, reader.today): discovery.plan}
        if discovery and name in deps.configuration.learned
        else NO_PLANS
    )
    explanation = None
    # The explanation uses the newest rows; without them every search would look unfinished.
    if recent is not None:
        reasons = deps.sources.explanation(name, calendar, recent.history, plans, _standing(fleet))
        explanation = reader.take(SourceName.REASONS, reasons)
    rows = rows_of(expected, judge_day(expected, names, locks_at=deps.monitor.locks_at)) if expected else ()
    decisions = [row for row in recent.decisions if row.workflow_name == name] if recent else []
    days = [row for row in fleet.workflow_days if row.workflow_name == name] if fleet else []
    return WorkflowPage(
        **reader.frame(name),
        workflow=name,
        description=workflow.description,
        priority=workflow.priority.value,
        schedule=workflow.schedule.kind,
        steps=tuple(step.scraper for step in workflow.steps),
        today=next((row for row in rows if row.workflow == name), None),
        pause=_pauses(fleet, reader.now).get(name),
        conditions=explanation.general if explanation else (),
        decisions_now=decisions_now(explanation, names) if explanation else (),
        decisions=tuple(sorted(decisions, key=lambda row: row.decision_time, reverse=True)),
        calendar=tuple(sorted(days, key=lambda row: row.day, reverse=True)),
        discovery=discovery,
        game_names=names,
    )


def _unknown(kind: str, name: str, known: Mapping[str, Any]) -> str:
    # The name comes from an address: cut it, so that it neither fills a page nor slows the comparison.
    near = nearest(name[:100], known)
    return f"There is no {kind} '{name[:100]}'." + (f" Did you mean {', '.join(near)}?" if near else "")


def build_scrapers(deps: ConsoleDeps, query: Query, patience: Patience) -> ScrapersPage:  # noqa: ARG001
    """Build the list of scrapers."""
    reader = _PageReader(deps, patience)
    health = _health(reader.fleet())
    lines = [
        ScraperLine(name=name, source=spec.source, health=health.get(name))
        for name, spec in deps.catalog.items()
    ]
    return ScrapersPage(**reader.frame("Scrapers"), scrapers=ordered(lines))


def _health(fleet: FleetSummary | None) -> Mapping[str, ScraperHealth]:
    return {row.scraper_name: row for row in fleet.health} if fleet else {}


def build_scraper(deps: ConsoleDeps, query: Query, patience: Patience) -> ScraperPage:
    """Build the page of a scraper; 404 for one that is not in the catalogue."""
    name = query["name"]
    spec = deps.catalog.get(name)
    if spec is None:
        raise HTTPException(404, _unknown("scraper", name, deps.catalog))
    reader = _PageReader(deps, patience)
    fleet, recent = reader.fleet(), reader.recent()
    own = [row for row in recent.executions if row.scraper_name == name] if recent else []
    own.sort(key=lambda row: row.triggered_at, reverse=True)
    days = [row for row in fleet.scraper_days if row.scraper_name == name] if fleet else []
    last = own[0] if own else None
    # The command repeats the last run whatever its outcome, since a reader of this page wants to reproduce it.
    opts = {key: str(value) for key, value in last.opts.items()} if last else {}
    if last and last.game_date:
        # The row has the day in a separate column as well, for opts that lack it.
        opts.setdefault("game_date", last.game_date.isoformat())
    # Sorted by the newest first, so this is the newest execution that wrote a file.
    payload = next((row for row in own if row.gcs_path), None)
    about = payload.game_date.isoformat() if payload and payload.game_date else reader.today.isoformat()
    return ScraperPage(
        **reader.frame(name),
        scraper=name,
        description=spec.description,
        source=spec.source,
        not_published=spec.not_published,
        timeout_seconds=spec.timeout_seconds,
        at_least=spec.assertions.min,
        at_most=spec.assertions.max,
        workflows=tuple(
            sorted(
                key
                for key, workflow in deps.configuration.workflows.items()
                if any(step.scraper == name for step in workflow.steps)
            )
        ),
        health=_health(fleet).get(name),
        days=tuple(sorted(days, key=lambda row: row.day, reverse=True)),
        executions=tuple(own),
        last_payload=payload.gcs_path if payload else None,
        last_drift=next((row for row in own if row.has_drifted), None),
        reproduce=scrape_command(spec, opts),
        reparse=reparse_command(spec, about),
    )


def build_run(deps: ConsoleDeps, query: Query, patience: Patience) -> RunPage:
    """Build the page of an id's chain; for an unknown id, the page names similar ids."""
    reader = _PageReader(deps, patience)
    identifier = query.get("id", "").strip()
    found = None
    problem = None
    if not identifier:
        problem = "Enter an id, its beginning, or a file's gs:// path in the field above."
    # Check before any query: a chain costs nine jobs.
    elif len(identifier) > _LONGEST_ID or not identifier.isprintable():
        problem = "Not an id: an id has at most 1,100 printable characters."
    else:
        found = reader.take(SourceName.CHAIN, deps.sources.chain(identifier, reader.today))
        problem = found.not_found if found else None
    return RunPage(
        **reader.frame(f"Run {identifier[:40]}" if identifier else "Run"),
        asked=identifier,
        links=links_of(found.roots, identifier) if found else (),
        near=found.near if found else (),
        not_found=problem,
        without_memory=found.without_memory if found else None,
    )


def build_alerts(deps: ConsoleDeps, query: Query, patience: Patience) -> AlertsPage:  # noqa: ARG001
    """Build the page of alerts."""
    reader = _PageReader(deps, patience)
    memory = reader.take(SourceName.ALERTS, deps.sources.memory())
    stands = watching(memory, deps.monitor.book.file, reader.now, everything=True) if memory else None
    incidents = stands.incidents if stands else ()
    # An incident that was open when the warehouse stopped answering may still hold, so it counts as open.
    open_ones = tuple(item for item in incidents if item.is_open or item.state is AlertState.UNKNOWN)
    return AlertsPage(
        **reader.frame("Alerts"),
        blind_since=stands.blind_since if stands else None,
        silent_since=stands.silent_since if stands else None,
        watched_at=stands.watched_at if stands else None,
        open=open_ones,
        others=tuple(item for item in incidents if item not in open_ones),
        silences=tuple(item for item in stands.silences if item.until > reader.now) if stands else (),
        routes=tuple(route_of(name, deps.monitor, reader.now) for name in deps.monitor.book.file.all_rules),
    )


def build_dead_letters(deps: ConsoleDeps, query: Query, patience: Patience) -> DeadLettersPage:  # noqa: ARG001
    """Build the page of dead letters."""
    reader = _PageReader(deps, patience)
    recent = reader.recent()
    letters = recent.dead_letters if recent else ()
    return DeadLettersPage(
        **reader.frame("Dead letters"),
        letters=tuple(sorted(letters, key=lambda row: row.rejected_at, reverse=True)),
    )


def build_files(deps: ConsoleDeps, query: Query, patience: Patience) -> FilesPage:
    """Build the page of files."""
    reader = _PageReader(deps, patience)
    text = query.get("name", "").strip()
    recent = reader.recent()
    found: tuple[FileFacts, ...] = ()
    problem: str | None = None
    if text:
        try:
            selector = FileSelector.read(text[:_LONGEST_ID])
        except NoFileNamed as error:
            problem = str(error)
        else:
            found = reader.take(SourceName.FILE, deps.sources.files(selector)) or ()
            # Only after a read: before it, "none" would be a guess.
            if not found and reader.ages[-1].read_at is not None:
                problem = "No file of the last two weeks has this name."
    landed = [row for row in recent.executions if row.gcs_path] if recent else []
    # A batch is a UNION without an order, so each page sorts its rows.
    landed.sort(key=lambda row: row.triggered_at, reverse=True)
    missing = recent.missing_files if recent else ()
    # From the watch's memory, which costs no job: the scan lists no file that landed before cleanup's lookback.
    memory = reader.take(SourceName.ALERTS, deps.sources.memory())
    incidents = memory.incidents.values() if memory else ()
    stuck = tuple(item.summary for item in incidents if item.rule == _STUCK_FILES and item.is_open)
    return FilesPage(
        **reader.frame("Files"),
        asked=text,
        missing=tuple(sorted(missing, key=lambda row: -(row.age_minutes or 0))),
        stuck=stuck,
        landed=tuple(landed[:_LANDED]),
        found=found,
        not_found=problem,
    )


def build_simulation(deps: ConsoleDeps, query: Query, patience: Patience) -> SimulationPage:  # noqa: ARG001
    """Build the page of the simulated season that was sent last."""
    reader = _PageReader(deps, patience)
    stored: StoredSimulation | None = reader.take(SourceName.SIMULATION, deps.sources.simulation())
    return SimulationPage(
        **reader.frame("Simulation"),
        simulation=stored,
        live=deps.configuration.hash,
    )


def build_configuration(deps: ConsoleDeps, query: Query, patience: Patience) -> ConfigurationPage:  # noqa: ARG001
    """Build the page of the live configuration."""
    reader = _PageReader(deps, patience)
    fleet = reader.fleet()
    live = deps.configuration.hash
    in_force = sorted(fleet.configurations, key=lambda row: row.last_seen, reverse=True) if fleet else []
    # From the decisions, not from deployments: a configuration without decisions had no effect.
    previous = previous_hash(in_force, live)
    text = reader.take(SourceName.PREVIOUS, deps.sources.configuration_text(previous)) if previous else None
    changed = difference(text, deps.monitor.workflows_text) if text else ()
    without: str | None = None
    # Only after the sources are read: before that, "no other" would be a guess.
    is_read = all(source.read_at for source in reader.ages)
    if is_read and previous is None:
        without = "No other configuration was in force for thirty days."
    elif is_read and text is None:
        # The dataset has hashes only; a monitor stores the text of each file that it runs with.
        without = "No monitor ran with that file, so there is no text to compare."
    return ConfigurationPage(
        **reader.frame("Configuration"),
        config_hash=live,
        version=deps.monitor.version,
        commit=COMMIT or None,
        alerts_hash=deps.monitor.book.hash,
        rules=len(deps.monitor.book.rules),
        workflows={name: item.description for name, item in sorted(deps.configuration.workflows.items())},
        in_force=tuple(in_force),
        # The newest decision has the controller's configuration; during a deployment that may be another file.
        agrees=in_force[0].config_hash == live if in_force else None,
        previous=previous,
        difference=changed,
        without_difference=without,
    )
