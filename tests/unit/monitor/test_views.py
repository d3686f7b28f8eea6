"""Tests of the monitor's views: no claim about the present without a recent watch."""

from datetime import timedelta

from tests.unit.monitor.bench import TICK, Watched, rules_file, wrong
from tipoff_common.events import AlertState
from tipoff_monitor.views import shown, watching

FILE = rules_file(cause={}, symptom={"causes": [{"rule": "cause"}]}, broken={"for": "30m"})


def test_incident_is_unknown_while_queries_fail() -> None:
    watched = Watched(FILE)
    watched.ticks(2, wrong("cause"))
    watched.ticks(3, blind=True)
    found = watching(watched.memory, FILE, watched.now, everything=False)
    assert [(it.rule, it.state) for it in found.incidents] == [("cause", AlertState.UNKNOWN)]
    assert found.blind_since == watched.now - 2 * TICK
    assert found.silent_since is None


def test_silent_since_is_set_when_the_last_watch_is_old() -> None:
    watched = Watched(FILE)
    watched.tick()
    late = watched.now + timedelta(hours=3)
    assert watching(watched.memory, FILE, late, everything=False).silent_since == watched.now
    assert watching(watched.memory, FILE, watched.now + TICK, everything=False).silent_since is None


def test_pending_incident_is_listed_on_demand_only() -> None:
    watched = Watched(FILE)
    watched.tick(wrong())
    assert watching(watched.memory, FILE, watched.now, everything=False).incidents == ()
    assert len(watching(watched.memory, FILE, watched.now, everything=True).incidents) == 1


def test_shown_incident_lists_symptoms_command_and_runbook() -> None:
    watched = Watched(FILE)
    watched.ticks(3, wrong("cause"), wrong("symptom", "s", summary="s is a symptom."))
    found = shown("cause/-", watched.memory, FILE)
    assert found.stands_for == ("s is a symptom.",)
    assert found.command == "tipoff query x --param about=-"
    assert found.runbook == "docs/runbooks/dead-letters.md"
