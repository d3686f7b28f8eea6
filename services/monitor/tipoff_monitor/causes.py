"""Which incident explains another one, and by whose message people know of it already. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from tipoff_common.events import AlertState
from tipoff_monitor.changes import LIVE, Change, Watch, is_louder, urgency
from tipoff_monitor.incidents import Incident
from tipoff_monitor.rules import Rule


def note_causes(seen: Mapping[str, Change], rules: Mapping[str, Rule]) -> dict[str, Change]:
    """Note of each incident which other one explains it, directly or through others."""
    # One that is gone explains until it is resolved: it may come back, and its symptoms need a while to go, too.
    standing = {
        key: change.incident
        for key, change in seen.items()
        if change.incident.state is not AlertState.RESOLVED
    }
    causes = {key: _cause_of(incident, standing, rules) for key, incident in standing.items()}

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


def _cause_of(incident: Incident, standing: Mapping[str, Incident], rules: Mapping[str, Rule]) -> str | None:
    rule = rules.get(incident.rule)
    for cause in rule.causes if rule else ():
        for key, other in standing.items():
            same = all(getattr(other, name) == getattr(incident, name) for name in cause.match)
            if other.rule == cause.rule and key != incident.key and same:
                return key
    return None


def join_told(seen: Mapping[str, Change], rules: Mapping[str, Rule], at: Watch) -> dict[str, Change]:
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
    for key, change in after.items():
        incident = change.incident
        # A reminder or an escalation is no first word, and what is explained is listed in its cause's message.
        if change.tell and incident.state in LIVE and not incident.was_told and incident.cause is None:
            speaker = speaker_of(incident, after, at)
            if speaker is not None and covers(speaker, incident, rules):
                after[key] = replace(change, incident=known_by(incident, speaker, at), tell=False)
    return after


def known_by(incident: Incident, speaker: Incident, at: Watch) -> Incident:
    known = {"told_at": at.now, "told_severity": speaker.told_severity, "told_by": speaker.key}
    return incident.model_copy(update=known)


def _speaks(change: Change | None) -> bool:
    """Return whether an incident is open, not silenced, and was told in a message of its own."""
    if change is None:
        return False
    incident = change.incident
    # Whoever silenced it wants to hear no more of this one, and may not know of the others.
    stands = incident.is_open and incident.state is not AlertState.SILENCED
    return stands and incident.was_told and incident.told_by is None


def speaker_of(incident: Incident, seen: Mapping[str, Change], at: Watch) -> Incident | None:
    """Return the incident by which people know of another one, the loudest."""
    goes_on = _goes_on(incident, seen, at)
    found = [
        change.incident
        for key, change in seen.items()
        if key != incident.key
        and _speaks(change)
        and (
            change.incident.cause == incident.key or (goes_on and change.incident.trouble == incident.trouble)
        )
    ]
    return min(found, key=urgency, default=None)


def covers(speaker: Incident, incident: Incident, rules: Mapping[str, Rule]) -> bool:
    """Tell whether people who were told of one incident need not be told of another one of the same cause."""
    if speaker.told_severity is None or is_louder(incident.severity, speaker.told_severity):
        return False
    # Of a trouble that goes on, the next scraper that fails is no news; the next workflow that is lost is.
    return speaker.cause == incident.key or rules[incident.rule].joins


def _goes_on(incident: Incident, seen: Mapping[str, Change], at: Watch) -> bool:
    """Tell whether the trouble of a failure is that of the others before it and not one that began again."""
    if incident.trouble is None:
        return False
    last = max(
        (
            it.incident.fired_at
            for it in seen.values()
            if it.incident.trouble == incident.trouble and it.incident.is_open and it.incident.fired_at
            and it.incident.key != incident.key
        ),
        default=None,
    )  # fmt: skip
    return last is not None and at.elapsed(last) <= at.file.watch.joins_for
