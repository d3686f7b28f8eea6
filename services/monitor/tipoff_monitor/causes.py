"""Causes among incidents: the incident that explains another, and the message that already reported it. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache

from tipoff_common.events import AlertState
from tipoff_monitor.alert_routes import routed_channels
from tipoff_monitor.changes import LIVE, IncidentChange, Watch, is_louder, urgency
from tipoff_monitor.rules import Rule
from tipoff_planning.alerts import Incident


def note_causes(
    changes: Mapping[str, IncidentChange], rules: Mapping[str, Rule]
) -> dict[str, IncidentChange]:
    """Set the root cause of each incident: the incident that explains it, directly or through others."""
    # An incident whose condition is gone still explains others until it is resolved: it may come back, and its
    # symptoms take a while to clear, too.
    standing = {
        key: change.incident
        for key, change in changes.items()
        if change.incident.state is not AlertState.RESOLVED
    }
    causes = _direct_causes(standing, rules)

    def root(key: str) -> str | None:
        found = causes.get(key)
        # The loop ends: loading refuses a file with a cycle of causes.
        while found is not None and (further := causes.get(found)) is not None:
            found = further
        return found

    def explained_by(key: str, incident: Incident) -> str | None:
        if key not in standing:
            return None
        found = root(key)
        # Otherwise keep the cause from before this watch, while that incident is open.
        if (
            found is None
            and (before := changes.get(incident.cause or "")) is not None
            and before.incident.is_open
        ):
            found = incident.cause
        # A kept cause may have a cause itself by now: only the message of a root lists the symptoms.
        return (root(found) or found) if found is not None else None

    return {
        key: replace(
            change,
            incident=change.incident.model_copy(update={"cause": explained_by(key, change.incident)}),
        )
        for key, change in changes.items()
    }


def _direct_causes(standing: Mapping[str, Incident], rules: Mapping[str, Rule]) -> dict[str, str | None]:
    """Return for each incident the key of the first other incident that its rule names as a cause."""

    # An index, since a search would compare each of hundreds of symptoms with hundreds of others.
    @cache
    def by_names(rule: str, names: tuple[str, ...]) -> dict[tuple[object, ...], list[str]]:
        found = defaultdict[tuple[object, ...], list[str]](list)
        for key, other in standing.items():
            if other.rule == rule:
                found[tuple(getattr(other, name) for name in names)].append(key)
        return found

    def cause_of(incident: Incident) -> str | None:
        rule = rules.get(incident.rule)
        for cause in rule.causes if rule else ():
            same = tuple(getattr(incident, name) for name in cause.match)
            for key in by_names(cause.rule, tuple(cause.match)).get(same, ()):
                if key != incident.key:
                    return key
        return None

    return {key: cause_of(incident) for key, incident in standing.items()}


def join_sent_messages(
    changes: Mapping[str, IncidentChange], rules: Mapping[str, Rule], at: Watch
) -> dict[str, IncidentChange]:
    """Join first notifications to messages that were sent already; detach incidents whose message is over.

    A message about a symptom covers its cause, and a message about a failure covers further failures of the same
    trouble.
    """
    after = dict(changes)
    for key, change in changes.items():
        incident = change.incident
        if incident.covered_by is None or _speaks(changes.get(incident.covered_by)):
            continue
        # The person who acknowledged the incident knows it without the message.
        unreported = (
            {}
            if incident.state is AlertState.ACKNOWLEDGED
            else {"notified_at": None, "notified_severity": None}
        )
        alone = incident.model_copy(update={"covered_by": None, **unreported})
        after[key] = replace(change, incident=alone, notify=incident.state in LIVE)
    # Computed once: an incident that joins below had no message of its own, so it is no speaker.
    speakers = Speakers(after, at)
    for key, change in after.items():
        incident = change.incident
        # Reminders and escalations are no first notification, and a symptom is listed in its cause's message.
        if change.notify and incident.state in LIVE and not incident.was_notified and incident.cause is None:
            speaker = speakers.of(incident)
            if speaker is not None and covers(speaker, incident, rules, at):
                after[key] = replace(change, incident=joined(incident, speaker, at), notify=False)
    return after


def joined(incident: Incident, speaker: Incident, at: Watch) -> Incident:
    """Return an incident marked as notified by another incident's message."""
    notified = {
        "notified_at": at.now,
        "notified_severity": speaker.notified_severity,
        "covered_by": speaker.key,
    }
    return incident.model_copy(update=notified)


def _speaks(change: IncidentChange | None) -> bool:
    """Return whether an incident is open, not silenced, and had a message of its own."""
    if change is None:
        return False
    incident = change.incident
    # A silence covers this incident only: the person who silenced it may not know of the others.
    stands = incident.is_open and incident.state is not AlertState.SILENCED
    return stands and incident.was_notified and incident.covered_by is None


class Speakers:
    """An index by cause and by trouble of the incidents whose messages may cover others.

    Without the index, each of hundreds of failures would search hundreds of incidents.
    """

    def __init__(self, changes: Mapping[str, IncidentChange], at: Watch) -> None:
        self._at = at
        self._of_cause = defaultdict[str | None, list[Incident]](list)
        self._of_trouble = defaultdict[str | None, list[Incident]](list)
        self._fired = defaultdict[str | None, list[tuple[datetime, str]]](list)
        # The loudest first (and in `_fired` the newest): a look-up takes the first that is another incident.
        for change in sorted(changes.values(), key=lambda it: urgency(it.incident)):
            incident = change.incident
            if incident.is_open and incident.fired_at is not None:
                self._fired[incident.trouble].append((incident.fired_at, incident.key))
            if not _speaks(change):
                continue
            self._of_trouble[incident.trouble].append(incident)
            # The message about a symptom that is gone does not report its cause, which goes on.
            if incident.gone_at is None:
                self._of_cause[incident.cause].append(incident)
        for fired in self._fired.values():
            fired.sort(reverse=True)

    def of(self, incident: Incident) -> Incident | None:
        """Return the loudest incident whose message may cover this one; None when there is none."""
        of_trouble = self._of_trouble[incident.trouble] if self._goes_on(incident) else []
        found = [
            next((it for it in items if it.key != incident.key), None)
            for items in (self._of_cause[incident.key], of_trouble)
        ]
        return min((it for it in found if it is not None), key=urgency, default=None)

    def _goes_on(self, incident: Incident) -> bool:
        """Return whether a failure continues the trouble of earlier failures; False when the trouble began again."""
        if incident.trouble is None:
            return False
        last = next((fired for fired, key in self._fired[incident.trouble] if key != incident.key), None)
        return last is not None and self._at.elapsed(last) <= self._at.file.watch.joins_for


def covers(speaker: Incident, incident: Incident, rules: Mapping[str, Rule], at: Watch) -> bool:
    """Return whether the message about one incident makes a message about another one unnecessary."""
    if speaker.notified_severity is None or is_louder(incident.severity, speaker.notified_severity):
        return False
    # The on-call has not read a message to the team.
    escalated = incident.state is AlertState.ESCALATED
    channels = routed_channels(
        at.file, incident.rule, incident.severity.effective, incident.workflow, escalated=escalated
    )
    if not set(channels) <= set(speaker.notified_channels):
        return False
    # In a lasting trouble, another failing scraper is no news (`joins`), but another lost workflow is.
    return speaker.cause == incident.key or rules[incident.rule].joins
