"""The simulation loop: runs the controller's core at each tick, answers its requests from the simulated sources, and
logs the executions as the controller does. All decisions are the core's."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from tipoff_common.catalog import ScraperSpec
from tipoff_common.clock import business_date, local_instant
from tipoff_common.events import Action, ScheduleLocked, ScrapeRequested, Source
from tipoff_common.outcomes import FailureKind, Status
from tipoff_planning.calendar import Calendar, Game
from tipoff_planning.context import EvaluationContext
from tipoff_planning.decision import Decision, DecisionInputs
from tipoff_planning.decisions import NONE_DUE, decide
from tipoff_planning.discovery.plans import DiscoveryPlan, DiscoveryPlans, due_checks, plan_day
from tipoff_planning.discovery.searches import history_of, search_of
from tipoff_planning.discovery.steps import CHECK_STEP
from tipoff_planning.drafts import draft
from tipoff_planning.expected_schedule import draft_change, draft_schedule
from tipoff_planning.history import ExecutionFact, subject_of
from tipoff_planning.occurrence_log import LoggedExecution
from tipoff_planning.occurrences import (
    Agenda,
    Occurrence,
    agenda,
    begun_since,
    days_before,
    games_of,
    occurrences,
)
from tipoff_planning.reasons import Reason
from tipoff_planning.workflows import Configuration
from tipoff_simulator.memory import Done, SimulatedMemory
from tipoff_simulator.observer import Nobody, Observer
from tipoff_simulator.sources import Answer, Upstream
from tipoff_simulator.timeline import Wake, wakes
from tipoff_simulator.world import World

ENVIRONMENT = "simulation"
_LONGEST_EXECUTION = timedelta(minutes=10)
_LANDED_BEFORE = timedelta(hours=19)
"""Age of the calendar at the first midnight: the fleet fetched it at 05:00 the day before."""


@dataclass(frozen=True)
class Season:
    """A season to simulate: `games` as first published, and the business days from `first` to `last`."""

    configuration: Configuration
    world: World
    games: tuple[Game, ...]
    first: date
    last: date
    every: timedelta = timedelta(minutes=15)
    seed: int = 1
    lock_at: time = time(5)
    """The time of day at which each day's schedule is locked."""
    environment: str = ENVIRONMENT
    """The environment in every event."""
    until: datetime | None = None
    """The instant at which the simulation stops, for a season that is still under way; None simulates all of it."""
    message: Callable[[ScraperSpec, FailureKind], str] = lambda *_: ""
    """Returns the message of a failure, which decisions repeat."""

    @property
    def discovered_every(self) -> timedelta | None:
        """The interval of ticks between evaluations; None where no workflow needs them."""
        return self.configuration.finer_tick(self.evaluated_within)

    @property
    def evaluated_within(self) -> timedelta:
        """The longest assumed interval of evaluations. A season with rarer evaluations gets no finer ticks in return,
        as its purpose is to measure the cost of rare evaluations."""
        return min(self.every, timedelta(minutes=15))


@dataclass
class OccurrenceDecisions:
    """Decisions about one occurrence: the first RUN, the last decision, and the last SKIP."""

    first_run: datetime | None = None
    last: tuple[datetime, Action, Reason] | None = None
    last_skip: tuple[datetime, Reason] | None = None

    def note(self, now: datetime, action: Action, code: Reason) -> None:
        """Add a decision; callers add decisions in the order of time."""
        self.last = (now, action, code)
        if action is Action.RUN:
            self.first_run = self.first_run or now
        elif action is Action.SKIP:
            self.last_skip = (now, code)


@dataclass
class Log:
    """Decisions, schedules and plans of one simulated season."""

    upstream: Upstream
    memory: SimulatedMemory
    ended_at: datetime
    schedules: dict[date, list[ScheduleLocked]] = field(default_factory=dict)
    occurrences: dict[str, Occurrence] = field(default_factory=dict)
    decided: dict[str, OccurrenceDecisions] = field(default_factory=dict)
    actions: Counter[tuple[str, Action]] = field(default_factory=Counter)
    skipped: dict[str, dict[str, str]] = field(default_factory=dict)
    """Reasons of steps that were never requested, by occurrence id and step."""
    plans: dict[tuple[str, date], DiscoveryPlan] = field(default_factory=dict)
    """The plans of learned searches, by workflow and day."""
    ticks: int = 0


def simulate(
    season: Season, progressed: Callable[[date], None] = lambda _: None, observer: Observer | None = None
) -> Log:
    """Run the season. Calls `progressed` with each day that begins; `observer` receives every event."""
    return _Run(season, observer).run(progressed)


class _Run:
    def __init__(self, season: Season, observer: Observer | None) -> None:
        self._season, self._configuration = season, season.configuration
        self._observed, self._observer = observer is not None, observer or Nobody()
        upstream = Upstream(season.world, season.configuration.catalog, season.games, season.seed)
        start = local_instant(season.first, time())
        # The last day's work may end on the day after it.
        self._end = season.until or local_instant(season.last + timedelta(days=2), time())
        self._log = Log(upstream, SimulatedMemory(), self._end)
        self._calendar = Calendar(upstream.schedule_at(start), start - _LANDED_BEFORE)
        self._shown = upstream.schedule_at(start)
        self._expected: dict[date, tuple[Occurrence, ...]] = {}
        # Cached results of the core, which needs the same days at each of some thirty thousand ticks.
        self._cached_agenda: tuple[date, Agenda] | None = None
        self._compared: tuple[date, int] | None = None
        self._looks: dict[str, list[ExecutionFact]] = {
            step.scraper: []
            for name in season.configuration.learned
            for step in season.configuration.workflows[name].steps
        }
        # A heap by the end of the execution; the number keeps executions that end together in the order of requests.
        self._under_way: list[tuple[datetime, int, ScrapeRequested, Answer]] = []
        self._requests = 0

    def run(self, progressed: Callable[[date], None]) -> Log:
        season = self._season
        day: date | None = None
        after = season.last + timedelta(days=1)
        for wake in wakes(
            season.first,
            after,
            season.every,
            season.world.ticks,
            season.seed,
            season.lock_at,
            season.discovered_every,
        ):
            if wake.now >= self._end:
                break
            # First the executions that ended before the tick: a controller would have received their events by then.
            self._complete_until(wake.now)
            today = business_date(wake.now, self._configuration.zone)
            if today != day:
                day = today
                progressed(day)
            if wake.discover:
                if due := self._due_workflows(wake.tick, today):
                    self._evaluate(wake, today, due)
            elif not wake.lock:
                self._evaluate(wake, today)
            # Days after the last one only complete its remaining work, and have no schedule.
            elif today <= season.last:
                self._lock(today, wake.now)
        # Complete the last requests too: no execution takes longer than this.
        self._complete_until(self._end + _LONGEST_EXECUTION)
        return self._log

    def _due_workflows(self, tick: datetime, today: date) -> frozenset[str]:
        """Return the workflows that cannot wait for the next full evaluation, by the controller's rule."""
        cadence = self._season.discovered_every or CHECK_STEP
        fast = self._configuration.faster_than(self._season.evaluated_within)
        return due_checks(self._current_plans(today), tick, cadence) | begun_since(
            self._configuration, self._calendar, fast, tick, cadence
        )

    def _evaluate(self, wake: Wake, today: date, only: frozenset[str] | None = None) -> None:
        self._note_changes(today, wake.now)
        self._log.ticks += wake.times
        for time_of in range(wake.times):
            # No decisions about the day after the last: it only completes the last day's work.
            decisions = [
                decision
                for decision in decide(self._situation(wake.now))
                if decision.occurrence.day <= self._season.last
                and (only is None or decision.occurrence.workflow in only)
            ]
            # A second delivery makes the same decisions with the same ids: note them once. `_send` drops its requests.
            if time_of == 0:
                for decision in decisions:
                    self._note_decision(decision, wake.now)
            self._request(decisions, wake)

    def _situation(self, now: datetime) -> DecisionInputs:
        memory = self._log.memory
        return DecisionInputs(
            self._configuration,
            self._calendar,
            memory.history,
            now,
            standings=memory.standings,
            discovery=self._log.plans,
            agenda=self._agenda(business_date(now, self._configuration.zone)),
        )

    def _agenda(self, today: date) -> Agenda:
        """Return the core's agenda, cached for the day while the games stay the same."""
        if self._cached_agenda is None or self._cached_agenda[0] != today:
            season = self._season
            self._cached_agenda = (
                today,
                [
                    (name, [item for item in expected if season.first <= item.day <= season.last])
                    for name, expected in agenda(self._configuration, self._calendar, today, self._log.plans)
                ],
            )
        return self._cached_agenda[1]

    def _of_day(
        self, configuration: Configuration, calendar: Calendar | None, day: date
    ) -> tuple[Occurrence, ...]:
        """Return the core's occurrences of a day, cached while the games stay the same; none outside the season."""
        if not self._season.first <= day <= self._season.last:
            return ()
        if day not in self._expected:
            self._expected[day] = occurrences(configuration, calendar, day, self._log.plans)
        return self._expected[day]

    def _note_decision(self, decision: Decision, now: datetime) -> None:
        occurrence = decision.occurrence
        self._log.actions[occurrence.workflow, decision.action] += 1
        if decision.action is not Action.RUN and (
            now < occurrence.expected or occurrence.subject == NONE_DUE
        ):
            return  # the decision is not about an occurrence that is due
        self._log.decided.setdefault(occurrence.id, OccurrenceDecisions()).note(
            now, decision.action, decision.code
        )

    def _request(self, decisions: Iterable[Decision], wake: Wake) -> None:
        # Nine of ten decisions request nothing, and building their events takes most of a simulation's time: build them
        # only for an observer.
        relevant = [decision for decision in decisions if self._observed or decision.action is Action.RUN]
        if not relevant:
            return
        context = EvaluationContext(
            wake.tick,
            wake.now,
            wake.now,
            "tick",
            Source.CONTROLLER,
            self._season.environment,
            event_time=wake.now,
        )
        batch = draft(relevant, self._configuration, context)
        for event in batch.decisions:
            self._observer.decided(event)
        for plan in batch.plans:
            self._log.memory.begin(plan, wake.now)
        for item in batch.requests:
            self._send(item, wake.now)

    def _send(self, item: ScrapeRequested, now: datetime) -> None:
        standing = self._log.memory.standings[item.occurrence_id or ""]
        # Another delivery of the same tick requested it.
        if item.request_id in standing.requested:
            return
        standing.note_requested([item.request_id], now)
        # A request waits in a queue first. Without that delay, the time between two checks would be unrealistic.
        started = now + timedelta(seconds=self._season.world.request_seconds)
        answer = self._log.upstream.answer(
            item.request_id, item.scraper, item.game_date, self._subject(item), started
        )
        self._requests += 1
        ended = started + timedelta(seconds=answer.seconds)
        heapq.heappush(self._under_way, (ended, self._requests, item, answer))

    def _complete_until(self, now: datetime) -> None:
        while self._under_way and self._under_way[0][0] <= now:
            at, _, item, answer = heapq.heappop(self._under_way)
            self._complete(item, answer, at)

    def _complete(self, item: ScrapeRequested, answer: Answer, at: datetime) -> None:
        """Log an execution and send its follow-up requests, by the functions that the controller uses."""
        self._observer.executed(item, answer, at)
        memory, occurrence = self._log.memory, item.occurrence_id or ""
        spec = self._configuration.catalog[item.scraper]
        execution = LoggedExecution(
            request_id=item.request_id,
            scraper=item.scraper,
            subject=self._subject(item),
            status=answer.status,
            kind=answer.kind,
            source=item.source,
            # The beginning of the execution, as in the runner's row; the log gets it when the execution ends.
            triggered_at=at - timedelta(seconds=answer.seconds),
            missing=answer.missing,
            outputs=answer.outputs,
            message=self._season.message(spec, answer.kind) if answer.kind else "",
        )
        fact = execution.fact(item.game_date)
        memory.note_execution(Done(fact, item.workflow, occurrence, item.step, at))
        if item.scraper in self._looks:
            self._looks[item.scraper].append(fact)
        landed = item.scraper == self._configuration.file.calendar.scraper
        if landed and answer.status is Status.SUCCESS:
            # Before the follow-ups: a new schedule is valid from the moment at which it landed.
            self._land(execution.triggered_at)
        state = memory.states[occurrence]
        if (entry := state.draft([execution], now=at, at=at)) is None:
            return
        # Without `requested`: `_send` notes each request itself.
        state.apply(entry.model_copy(update={"requested": ()}))
        reasons = {item.step: item.reason for item in state.progress.skipped} if state.progress else {}
        for step in entry.skipped:
            self._log.skipped.setdefault(occurrence, {})[step] = reasons[step]
        follow_ups = state.follow_ups(entry, self._season.environment)
        for event in follow_ups.skips:
            self._observer.decided(event)
        for request in follow_ups.requests:
            self._send(request, at)

    def _subject(self, item: ScrapeRequested) -> str:
        return subject_of(item.parameters, self._configuration.subject_parameters)

    def _land(self, fetched_at: datetime) -> None:
        shown = self._log.upstream.schedule_at(fetched_at)
        # `schedule_at` returns the same object while nothing has changed, which saves comparing a season's games.
        if shown is self._shown:
            self._calendar = self._calendar.fetched_again(fetched_at)
            return
        self._calendar, self._shown = Calendar(shown, fetched_at), shown
        self._expected.clear()
        self._cached_agenda = None

    def _current_plans(self, today: date) -> DiscoveryPlans:
        """Return the plans that may have a check today; searching a whole season's at each tick would be slow."""
        return {
            (name, day): plan
            for name in self._configuration.learned
            for day in (*days_before(name, self._configuration, today), today, today + timedelta(days=1))
            if (plan := self._log.plans.get((name, day))) is not None
        }

    def _plan_discovery(self, day: date, now: datetime) -> None:
        """Plan the day's learned searches from the season's executions so far, as the controller does at the lock."""
        for name in self._configuration.learned:
            search = search_of(self._configuration, name, day)
            if search is None:
                continue
            (step,) = self._configuration.workflows[name].steps
            history = history_of(search, self._looks[step.scraper], self._configuration, now, self._calendar)
            self._log.plans[name, day] = plan_day(search, history, now)
            # The cached occurrences of the day are those without a plan.
            self._expected.pop(day, None)
            self._cached_agenda = None

    def _lock(self, day: date, now: datetime) -> None:
        self._plan_discovery(day, now)
        expected = self._of_day(self._configuration, self._calendar, day)
        self._log.occurrences.update((item.id, item) for item in expected)
        self._log.schedules[day] = [
            draft_schedule(
                expected,
                self._configuration,
                day=day,
                games_today=len(games_of(self._configuration, self._calendar, day)),
                environment=self._season.environment,
                locked_at=now,
            )
        ]
        self._observer.locked(self._log.schedules[day][0])

    def _note_changes(self, day: date, now: datetime) -> None:
        """Add changes since the lock to the day's schedule, if the games or the day changed since the last call."""
        locked = self._log.schedules.get(day)
        # Nearly every tick ends here: games change a few times in a season.
        if locked is None or self._compared == (day, id(self._shown)):
            return
        self._compared = (day, id(self._shown))
        expected = self._of_day(self._configuration, self._calendar, day)
        self._log.occurrences.update((item.id, item) for item in expected)
        change = draft_change(
            locked,
            expected,
            self._configuration,
            # Requested occurrences stay in the schedule, even when their game is called off.
            begun=self._log.memory.states.keys(),
            calendar=self._calendar,
            games_today=len(games_of(self._configuration, self._calendar, day)),
            now=now,
        )
        if change.runs:
            locked.append(change)
            self._observer.locked(change)
