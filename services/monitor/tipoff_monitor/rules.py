"""The model of `config/alerts.yaml`: the rules, how long each must hold before a notification, and the recipients."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tipoff_common.bounds import ReasonText
from tipoff_common.catalog import Name
from tipoff_common.events import AlertLevel
from tipoff_common.open_enum import Declared
from tipoff_common.yaml_source import ConfigurationNode
from tipoff_common.yaml_times import Duration, WrittenDate
from tipoff_planning.verdict import FaultKind

RuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
Severity = Annotated[AlertLevel, Declared]
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]

OUTAGE, CANNOT_JUDGE, CHANNEL_FAILING = "not-watching", "cannot-judge", "channel-failing"
PAUSED = "paused"
"""The rule name in the rows of pauses among those of the rules."""
OWN_RULES = (OUTAGE, CANNOT_JUDGE, CHANNEL_FAILING, PAUSED)
"""Names that no rule may have: the monitor's rules about itself, and the marker of pauses."""

FILLED = ("subject", "workflow", "scraper")
"""Fields of an incident that a rule's command may name."""


def _fillable(command: str) -> str:
    """Refuse a command whose placeholders cannot be filled from an incident."""
    # Checked at load: an error while the notice is written would suppress the notification.
    remedy = f"use {', '.join(f'{{{name}}}' for name in FILLED)}, and {{{{ or }}}} for a literal brace"
    try:
        parts = list(Formatter().parse(command))
    except ValueError as error:
        raise ValueError(f"unmatched brace ({error}); {remedy}") from error
    for _, name, layout, conversion in parts:
        # None where only text follows; an empty name is {}, a positional placeholder.
        if name is not None and (name not in FILLED or layout or conversion):
            written = f"{name}{f'!{conversion}' if conversion else ''}{f':{layout}' if layout else ''}"
            raise ValueError(f"unknown placeholder '{{{written}}}'; {remedy}")
    return command


Command = Annotated[str, Field(min_length=1), AfterValidator(_fillable)]


class Cause(ConfigurationNode):
    """A rule whose incidents explain the incidents of this one."""

    rule: RuleName = Field(
        description="the cause: while it holds, this rule's incidents are listed in its message"
    )
    match: tuple[Literal["workflow", "scraper", "trouble"], ...] = Field(
        default=(),
        description="fields that have to be equal in both; none when any incident of the cause explains this. trouble:"
        " failures of one source for one reason, such as a document that changed or an allowance that is spent",
    )


class Escalation(ConfigurationNode):
    """Conditions that escalate an incident to CRITICAL, and to the routes with `escalated: true`."""

    after: Duration | None = Field(default=None, description="time without an acknowledgement since it fired")
    value: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="the rule's number from which it escalates"
    )

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.after is None and self.value is None:
            raise ValueError("has neither after nor value; add one of them, or remove escalate")
        return self


class Rule(ConfigurationNode):
    """A fault that people are notified of."""

    description: str = Field(min_length=1, description="its meaning, for people")
    severity: Severity = Field(description="severity of its incidents, unless the query's row has one")
    query: Name | None = Field(
        default=None, description="file of queries/ without .sql that has a row for each subject it holds for"
    )
    verdict: tuple[FaultKind, ...] = Field(
        default=(), description="in place of a query: kinds of faults of the day's verdict"
    )
    parameters: Mapping[str, str | int | float] = Field(
        default_factory=dict, description="parameters of the query, in addition to as_of and environment"
    )
    for_: Duration | None = Field(
        default=None,
        alias="for",
        description="how long the rule has to hold before people are notified; at once when left out",
    )
    # Two watches of five minutes: a flickering fault stays one incident with one notification.
    clear_for: Duration = Field(
        default=timedelta(minutes=10),
        description="how long a fault has to be gone before its incident is resolved",
    )
    # Per rule and not per incident: forty scrapers that fail together in one evening need one message.
    cool_down: Duration = Field(
        default=timedelta(hours=1),
        description="least time between two messages about this rule's incidents; a worse severity does not wait",
    )
    remind: Duration | None = Field(
        default=None, description="time between reminders of an incident that is not acknowledged"
    )
    escalate: Escalation | None = Field(default=None, description="when an incident becomes CRITICAL")
    causes: tuple[Cause, ...] = Field(default=(), description="rules that explain this one")
    joins: bool = Field(
        default=False,
        description="whether a further incident of the same trouble joins the message that people already got; false"
        " sends a message about each, as for a rule whose every incident is lost data",
    )
    runbook: str = Field(pattern=r"^docs/runbooks/[a-z0-9-]+\.md$", description="what to do")
    command: Command = Field(
        description="the first command to run; {subject}, {workflow} and {scraper} are filled in, and {{ and }} stand"
        " for a brace",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.query and self.verdict:
            raise ValueError("names a query and a verdict; keep one of them")
        # A verdict takes no parameters, so they would be ignored silently.
        if self.parameters and not self.query:
            raise ValueError("has parameters and no query; name the query, or remove them")
        return self

    def worst(self) -> AlertLevel:
        """Return the highest severity that the file alone allows an incident of the rule."""
        # A query's row may raise the severity further, which the file does not show.
        return AlertLevel.CRITICAL if self.escalate else self.severity


class Channel(ConfigurationNode):
    """A recipient of messages. Its URL is a secret, so an environment variable holds it."""

    description: str = Field(min_length=1, description="its readers")
    # By name, so that the file contains no secret and a rotation does not change the file.
    url: Variable = Field(description="environment variable with the URL of Apprise, a secret")


class Route(ConfigurationNode):
    """Incidents to send to channels. Every matching route applies."""

    # INFO is recorded and shown only; messages for it would teach people to ignore messages.
    severity: tuple[Severity, ...] = Field(
        default=(AlertLevel.WARNING, AlertLevel.CRITICAL), min_length=1, description="severities it takes"
    )
    workflows: tuple[Name, ...] = Field(default=(), description="workflows it takes; all when left out")
    rules: tuple[RuleName, ...] = Field(default=(), description="rules it takes; all when left out")
    escalated: bool = Field(default=False, description="only escalated incidents")
    channels: tuple[Name, ...] = Field(min_length=1, description="channels to send to")


class QuietWindow(ConfigurationNode):
    """Days on which some rules send no messages; their incidents are recorded all the same."""

    why: ReasonText = Field(description="shown as the reason wherever a message was not sent")
    first: WrittenDate = Field(description="first day, in the fleet's zone")
    last: WrittenDate = Field(description="last day, included")
    rules: tuple[RuleName, ...] = Field(default=(), description="the rules that are quiet; all when left out")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"last {self.last} is before first {self.first}; swap them")
        return self


class WatchSettings(ConfigurationNode):
    """Settings of the watch and of the monitor's rules about itself."""

    outage_after: Duration = Field(
        default=timedelta(minutes=20), description="time without a watch that is reported as an outage"
    )
    cannot_judge_for: Duration = Field(
        default=timedelta(minutes=15),
        description="how long the warehouse may fail before people are notified",
    )
    group_wait: Duration = Field(
        default=timedelta(minutes=5),
        description="how long an incident of a rule with causes waits for them: a cause may appear a watch later",
    )
    joins_for: Duration = Field(
        default=timedelta(hours=4),
        description="how long after the newest failure of one source in one kind of trouble the next failure joins the"
        " message that people already got",
    )
    severity: Severity = Field(
        default=AlertLevel.CRITICAL, description="severity of cannot-judge and channel-failing"
    )


class AlertsFile(ConfigurationNode):
    """The whole file."""

    version: Literal[1] = Field(description="version of this format")
    watch: WatchSettings = WatchSettings()
    channels: Mapping[Name, Channel] = Field(min_length=1, description="channels by name")
    routes: tuple[Route, ...] = Field(min_length=1, description="channels by severity, rule and workflow")
    quiet: tuple[QuietWindow, ...] = Field(default=(), description="planned silence")
    rules: Mapping[RuleName, Rule] = Field(min_length=1, description="the rules by name")

    @cached_property
    def all_rules(self) -> Mapping[str, Rule]:
        """The rules of the file, and the monitor's rules about itself."""
        own = {
            OUTAGE: Rule(
                description="The monitor ran no watch for a while.",
                severity=AlertLevel.WARNING,
                runbook=f"docs/runbooks/{OUTAGE}.md",
                command="tipoff status",
            ),
            CANNOT_JUDGE: Rule(
                description="The warehouse does not answer, so no rule can be evaluated.",
                severity=self.watch.severity,
                runbook="docs/runbooks/warehouse-down.md",
                command="tipoff status",
                **{"for": self.watch.cannot_judge_for},
            ),
            CHANNEL_FAILING: Rule(
                description="A notification channel does not accept messages.",
                severity=self.watch.severity,
                runbook=f"docs/runbooks/{CHANNEL_FAILING}.md",
                command="tipoff alerts routes",
            ),
        }
        return {**self.rules, **own}


def faults_of(file: AlertsFile) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Find contradictions between parts of the file: the place, the fault and the remedy of each."""
    # The monitor's own rules can be routed and quieted like any other, although the file may not define them.
    known = {*file.rules, *OWN_RULES}
    for number, route in enumerate(file.routes):
        for name in route.channels:
            if name not in file.channels:
                yield (
                    ("routes", number, "channels"),
                    f"no channel '{name}'; add it to channels, or correct the name",
                )
        for name in route.rules:
            if name not in known:
                yield ("routes", number, "rules"), f"no rule '{name}'; correct the name"
    for severity in (AlertLevel.WARNING, AlertLevel.CRITICAL):
        # A route for some rules or workflows only leaves the others without a recipient.
        if not any(
            severity in it.severity and not (it.rules or it.workflows or it.escalated) for it in file.routes
        ):
            yield (
                ("routes",),
                f"{severity} has no route without conditions; add one, or some incidents have no recipient",
            )
    # With a misspelt name, a rule would send messages in the middle of its quiet window.
    for number, window in enumerate(file.quiet):
        for name in window.rules:
            if name not in known:
                yield ("quiet", number, "rules"), f"no rule '{name}'; correct the name"
    for name, rule in file.rules.items():
        if name in OWN_RULES:
            yield ("rules", name), "the monitor raises this itself; remove it"
        # Checked here and not in Rule: the monitor's own rules have neither a query nor a verdict.
        if not (rule.query or rule.verdict):
            yield ("rules", name), "names neither a query nor a verdict; add one of them"
        for cause in rule.causes:
            if cause.rule not in known:
                yield ("rules", name, "causes"), f"no rule '{cause.rule}'; correct the name"
            # A symptom waits for its cause no longer than group_wait; the message of a later cause cannot include it.
            elif cause.rule in file.rules and (file.rules[cause.rule].for_ or timedelta()) > (
                rule.for_ or timedelta()
            ):
                yield (
                    ("rules", name, "causes"),
                    f"its cause {cause.rule} has a longer `for`, so people would be notified of the symptom first;"
                    " raise `for` here, or lower it there",
                )
    yield from _cycles(file)


def _cycles(file: AlertsFile) -> Iterator[tuple[tuple[str | int, ...], str]]:
    graph = {name: {cause.rule for cause in rule.causes} for name, rule in file.rules.items()}
    try:
        # Each incident would be listed in the message of the other, and neither message be sent.
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        names = list(error.args[1])
        yield (
            ("rules", names[0], "causes"),
            f"rules cause each other: {' > '.join(names)}; remove one cause",
        )
