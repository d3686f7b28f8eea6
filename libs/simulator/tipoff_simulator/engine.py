"""The loop: ticks wake the controller's own core, its requests are answered by the simulated upstream, and what comes
back is noted as the controller notes it. Nothing is decided here."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from tipoff_common.clock import business_date, local_instant
from tipoff_common.events import Action, ScheduleLocked, ScrapeRequested, Source
from tipoff_common.outcomes import Status
from tipoff_planning.calendar import Calendar, Game
from tipoff_planning.context import EvaluationContext
from tipoff_planning.decision import Decision, DecisionInputs, Reason
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
from tipoff_planning.workflows import Configuration
from tipoff_simulator.memory import Done, SimulatedMemory
from tipoff_simulator.observer import Nobody, Observer
from tipoff_simulator.sources import Answer, Upstream
from tipoff_simulator.timeline import Wake, wakes
from tipoff_simulator.world import World

ENVIRONMENT = "simulation"
_LONGEST_EXECUTION = timedelta(minutes=10)
_LANDED_BEFORE = timedelta(hours=19)
"""How old the calendar is at the first midnight: the fleet fetched it at 05:00 the day before."""


@dataclass(frozen=True)
class Season:
    """A season to simulate: `games` as published at first, the business days from `first` to `last`."""

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
    """Stands in every event."""
    until: datetime | None = None
    """The instant at which it breaks off, for a season that is still under way; None plays it to its end."""

    @property
    def discovered_every(self) -> timedelta | None:
        """How often a tick comes between evaluations; None where no workflow needs one."""
        return self.configuration.finer_tick(self.evaluated_within)

    @property
    def evaluated_within(self) -> timedelta:
        """What every evaluation is assumed to come within. A season that is asked to be evaluated more rarely is not
        helped by finer ticks: what that costs is the question."""
        return min(self.every, timedelta(minutes=15))


@dataclass
class OccurrenceDecisions:
    """Decisions about one occurrence: the first RUN, the last decision, and the last SKIP."""

    first_run: datetime | None = None
    last: tuple[datetime, Action, Reason] | None = None
    last_skip: tuple[datetime, Reason] | None = None

    def note(self, now: datetime, action: Action, code: Reason) -> None:
        """Add a decision; they come in the order of time."""
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
    """The steps of an occurrence that were never asked for, with why."""
    plans: dict[tuple[str, date], DiscoveryPlan] = field(default_factory=dict)
    """The plans of the searches that learn, by workflow and day."""
    ticks: int = 0


def simulate(
    season: Season, progressed: Callable[[date], None] = lambda _: None, observer: Observer | None = None
) -> Log:
    """Run the season. `progressed` is told of each day that begins, `observer` gets every event."""
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
        # Answers of the core that are remembered: it is asked for the same days at each
        # of some thirty thousand ticks.
        self._around: tuple[date, Agenda] | None = None
        self._compared: tuple[date, int] | None = None
        self._looks: dict[str, list[ExecutionFact]] = {
            step.scraper: []
            for name in season.configuration.learned
            for step in season.configuration.workflows[name].steps
        }
        # A heap by the end of the execution; the number keeps those that end together
        # in the order of their requests.
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
            # First what came back before the tick: an evaluation sees all that a
            # controller would have heard of by then.
            self._complete_until(wake.now)
            today = business_date(wake.now, self._configuration.zone)
            if today != day:
                day = today
                progressed(day)
            if wake.discover:
                if due := self._due_between(wake.tick, today):
                    self._evaluate(wake, today, due)
            elif not wake.lock:
                self._evaluate(wake, today)
            # The days after the last one are there for what is left to do, and expect nothing of their own.
            elif today <= season.last:
                self._lock(today, wake.now)
        # What was asked for last is answered still: no execution takes longer than this.
        self._complete_until(self._end + _LONGEST_EXECUTION)
        return self._log

    def _due_between(self, tick: datetime, today: date) -> frozenset[str]:
        """Return the workflows that cannot wait for the next evaluation of all, as the controller finds them."""
        cadence = self._season.discovered_every or CHECK_STEP
        fast = self._configuration.faster_than(self._season.evaluated_within)
        return due_checks(self._plans_around(today), tick, cadence) | begun_since(
            self._configuration, self._calendar, fast, tick, cadence
        )

    def _evaluate(self, wake: Wake, today: date, only: frozenset[str] | None = None) -> None:
        self._note_changes(today, wake.now)
        self._log.ticks += wake.times
        for time_of in range(wake.times):
            # The day after the last is there for what is left of the last; the calendar is not refreshed for it.
            decisions = [
                decision
                for decision in decide(self._situation(wake.now))
                if decision.occurrence.day <= self._season.last
                and (only is None or decision.occurrence.workflow in only)
            ]
            # A tick that is delivered twice; the requests below are sent once by their ids.
            if time_of == 0:  # what is decided again has the same ids
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
            expect=self._agenda,
        )

    def _agenda(
        self, configuration: Configuration, calendar: Calendar | None, today: date, plans: DiscoveryPlans
    ) -> Agenda:
        """Return the core's answer, remembered for the day while the games stay the same."""
        if self._around is None or self._around[0] != today:
            season = self._season
            self._around = (
                today,
                [
                    (name, [item for item in expected if season.first <= item.day <= season.last])
                    for name, expected in agenda(configuration, calendar, today, plans)
                ],
            )
        return self._around[1]

    def _of_day(
        self, configuration: Configuration, calendar: Calendar | None, day: date
    ) -> tuple[Occurrence, ...]:
        """Return the core's answer, remembered while the games stay the same; nothing outside the season."""
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
            return  # it says nothing about an occurrence
        self._log.decided.setdefault(occurrence.id, OccurrenceDecisions()).note(
            now, decision.action, decision.code
        )

    def _request(self, decisions: Iterable[Decision], wake: Wake) -> None:
        # Nine of ten decisions ask for nothing, and to write them down as events takes most of a season's time: only
        # an observer is worth it.
        wanted = [decision for decision in decisions if self._observed or decision.action is Action.RUN]
        if not wanted:
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
        drafted = draft(wanted, self._configuration, context)
        for event in drafted.decisions:
            self._observer.decided(event)
        for plan in drafted.plans:
            self._log.memory.begin(plan, wake.now)
        for item in drafted.requests:
            self._send(item, wake.now)

    def _send(self, item: ScrapeRequested, now: datetime) -> None:
        standing = self._log.memory.standings[item.occurrence_id or ""]
        # Another delivery of the same tick asked for it.
        if item.request_id in standing.requested:
            return
        standing.note_requested([item.request_id], now)
        # A request waits for its turn. Without that a time between two looks would come out as in no production.
        asked = now + timedelta(seconds=self._season.world.request_seconds)
        answer = self._log.upstream.answer(
            item.request_id, item.scraper, item.game_date, self._subject(item), asked
        )
        self._requests += 1
        ended = asked + timedelta(seconds=answer.seconds)
        heapq.heappush(self._under_way, (ended, self._requests, item, answer))

    def _complete_until(self, now: datetime) -> None:
        while self._under_way and self._under_way[0][0] <= now:
            at, _, item, answer = heapq.heappop(self._under_way)
            self._complete(item, answer, at)

    def _complete(self, item: ScrapeRequested, answer: Answer, at: datetime) -> None:
        """Log an execution and send what follows from it, by the function that the controller uses."""
        self._observer.executed(item, answer, at)
        memory, occurrence = self._log.memory, item.occurrence_id or ""
        execution = LoggedExecution(
            request_id=item.request_id,
            scraper=item.scraper,
            subject=self._subject(item),
            status=answer.status,
            kind=answer.kind,
            source=item.source,
            # When the source was asked, as the runner's row has it; the log learns
            # of it when the execution ends.
            triggered_at=at - timedelta(seconds=answer.seconds),
            missing=answer.missing,
            outputs=answer.outputs,
        )
        fact = execution.fact(item.game_date)
        memory.note_execution(Done(fact, item.workflow, occurrence, item.step, at))
        if item.scraper in self._looks:
            self._looks[item.scraper].append(fact)
        landed = item.scraper == self._configuration.file.calendar.scraper
        if landed and answer.status is Status.SUCCESS:
            # Before what follows is worked out: a new schedule counts from the moment at which it landed.
            self._land(execution.triggered_at)
        state = memory.states[occurrence]
        if (entry := state.draft([execution], now=at, at=at)) is None:
            return
        # What follows is sent, and thereby requested, one by one.
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
        # The upstream gives the same object while nothing has changed, so this costs no
        # comparison of a season's games.
        if shown is self._shown:
            self._calendar = self._calendar.fetched_again(fetched_at)
            return
        self._calendar, self._shown = Calendar(shown, fetched_at), shown
        self._expected.clear()
        self._around = None

    def _plans_around(self, today: date) -> DiscoveryPlans:
        """Return the plans that may have a check today; those of a whole season are too many to search at each tick."""
        return {
            (name, day): plan
            for name in self._configuration.learned
            for day in (*days_before(name, self._configuration, today), today, today + timedelta(days=1))
            if (plan := self._log.plans.get((name, day))) is not None
        }

    def _plan_discovery(self, day: date, now: datetime) -> None:
        """Plan the searches that learn from what the season has shown so far, as the controller does with the lock."""
        for name in self._configuration.learned:
            search = search_of(self._configuration, name, day)
            if search is None:
                continue
            (step,) = self._configuration.workflows[name].steps
            history = history_of(search, self._looks[step.scraper], self._configuration, now, self._calendar)
            self._log.plans[name, day] = plan_day(search, history, now)
            # What was remembered of the day is its fixed beat.
            self._expected.pop(day, None)
            self._around = None

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
        """Lock what changed after the lock, when the games or the day are not those of the last look."""
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
            # What was requested stays in the schedule, whatever becomes of its game.
            begun=self._log.memory.states.keys(),
            calendar=self._calendar,
            games_today=len(games_of(self._configuration, self._calendar, day)),
            now=now,
        )
        if change.runs:
            locked.append(change)
            self._observer.locked(change)
