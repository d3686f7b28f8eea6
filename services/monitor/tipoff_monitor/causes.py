"""Causes among incidents: the incident that explains another, and the message that has reported it already. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache

from tipoff_common.events import AlertState
from tipoff_monitor.changes import LIVE, IncidentChange, Watch, is_louder, urgency
from tipoff_monitor.rules import Rule
from tipoff_planning.alerts import Incident


def note_causes(seen: Mapping[str, IncidentChange], rules: Mapping[str, Rule]) -> dict[str, IncidentChange]:
    """Note of each incident which other one explains it, directly or through others."""
    # One that is gone explains until it is resolved: it may come back, and its symptoms need a while to go, too.
    standing = {
        key: change.incident
        for key, change in seen.items()
        if change.incident.state is not AlertState.RESOLVED
    }
    causes = _direct_causes(standing, rules)

    def root(key: str) -> str | None:
        found = causes.get(key)
        # Ends: causes that form a circle are refused when the file is loaded.
        while found is not None and (further := causes.get(found)) is not None:
            found = further
        return found

    def explained_by(key: str, incident: Incident) -> str | None:
        if key not in standing:
            return None
        found = root(key)
        # The cause that it had before this watch, while that is open.
        if (
            found is None
            and (before := seen.get(incident.cause or "")) is not None
            and before.incident.is_open
        ):
            found = incident.cause
        # What lingers may have a cause itself by now: only the message of a root lists what it explains.
        return (root(found) or found) if found is not None else None

    return {
        key: replace(
            change,
            incident=change.incident.model_copy(update={"cause": explained_by(key, change.incident)}),
        )
        for key, change in seen.items()
    }


def _direct_causes(standing: Mapping[str, Incident], rules: Mapping[str, Rule]) -> dict[str, str | None]:
    """Return for each incident the key of the first other one that its rule names as a cause."""

    # Looked up, not searched for: of hundreds of symptoms each has hundreds of others.
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


def join_told(
    seen: Mapping[str, IncidentChange], rules: Mapping[str, Rule], at: Watch
) -> dict[str, IncidentChange]:
    """Let a first word join what people were told already; tell alone whose message is over.

    People know of a cause when they were told of its symptom, and of a failure when they were told of another one in
    the same trouble.
    """
    after = dict(seen)
    for key, change in seen.items():
        incident = change.incident
        if incident.told_by is None or _speaks(seen.get(incident.told_by)):
            continue
        # Whoever acknowledged it knows of it by itself.
        untold = {} if incident.state is AlertState.ACKNOWLEDGED else {"told_at": None, "told_severity": None}
        alone = incident.model_copy(update={"told_by": None, **untold})
        after[key] = replace(change, incident=alone, tell=incident.state in LIVE)
    # Who joins one of them was not told itself, so they stay the same.
    speakers = Speakers(after, at)
    for key, change in after.items():
        incident = change.incident
        # A reminder or an escalation is no first word, and what is explained is listed in its cause's message.
        if change.tell and incident.state in LIVE and not incident.was_told and incident.cause is None:
            speaker = speakers.of(incident)
            if speaker is not None and covers(speaker, incident, rules):
                after[key] = replace(change, incident=joined(incident, speaker, at), tell=False)
    return after


def joined(incident: Incident, speaker: Incident, at: Watch) -> Incident:
    """Return an incident as people know it by another one's message."""
    known = {"told_at": at.now, "told_severity": speaker.told_severity, "told_by": speaker.key}
    return incident.model_copy(update=known)


def _speaks(change: IncidentChange | None) -> bool:
    """Return whether an incident is open, not silenced, and was told in a message of its own."""
    if change is None:
        return False
    incident = change.incident
    # Whoever silenced it wants to hear no more of this one, and may not know of the others.
    stands = incident.is_open and incident.state is not AlertState.SILENCED
    return stands and incident.was_told and incident.told_by is None


class Speakers:
    """The incidents of whose messages people know others, looked up by cause and by trouble.

    Of hundreds of failures each needs to know its own: searched for, that would be hundreds squared.
    """

    def __init__(self, seen: Mapping[str, IncidentChange], at: Watch) -> None:
        self._at = at
        self._of_cause = defaultdict[str | None, list[Incident]](list)
        self._of_trouble = defaultdict[str | None, list[Incident]](list)
        self._fired = defaultdict[str | None, list[tuple[datetime, str]]](list)
        # The loudest first and, below, the newest: whoever looks takes the first that is another incident.
        for change in sorted(seen.values(), key=lambda it: urgency(it.incident)):
            incident = change.incident
            if incident.is_open and incident.fired_at is not None:
                self._fired[incident.trouble].append((incident.fired_at, incident.key))
            if _speaks(change):
                self._of_cause[incident.cause].append(incident)
                self._of_trouble[incident.trouble].append(incident)
        for fired in self._fired.values():
            fired.sort(reverse=True)

    def of(self, incident: Incident) -> Incident | None:
        """Return the incident by which people know of another one, the loudest."""
        of_trouble = self._of_trouble[incident.trouble] if self._goes_on(incident) else []
        found = [
            next((it for it in items if it.key != incident.key), None)
            for items in (self._of_cause[incident.key], of_trouble)
        ]
        return min((it for it in found if it is not None), key=urgency, default=None)

    def _goes_on(self, incident: Incident) -> bool:
        """Tell whether the trouble of a failure is that of the others before it and not one that began again."""
        if incident.trouble is None:
            return False
        last = next((fired for fired, key in self._fired[incident.trouble] if key != incident.key), None)
        return last is not None and self._at.elapsed(last) <= self._at.file.watch.joins_for


def covers(speaker: Incident, incident: Incident, rules: Mapping[str, Rule]) -> bool:
    """Tell whether people who were told of one incident need not be told of another one of the same cause."""
    if speaker.told_severity is None or is_louder(incident.severity, speaker.told_severity):
        return False
    # Of a trouble that goes on, the next scraper that fails is no news; the next workflow that is lost is.
    return speaker.cause == incident.key or rules[incident.rule].joins
