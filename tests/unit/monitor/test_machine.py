"""Tests of the alert state machine: recipients, content and frequency of messages."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.unit.monitor.bench import NINE, TICK, Watched, rules_file, states, wrong
from tipoff_cli.checkout import REPOSITORY
from tipoff_common.events import AlertLevel, AlertState
from tipoff_monitor.actions import UnknownIncident, acknowledge, find, silence, unsilence
from tipoff_monitor.alert_routes import channels_for
from tipoff_monitor.conditions import Condition
from tipoff_monitor.incidents import Memory
from tipoff_monitor.loading import load_rules
from tipoff_planning.alerts import Incident

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SYMPTOMS = [wrong("symptom", f"s{number:03}") for number in range(600)]


@pytest.fixture
def watched() -> Watched:
    return Watched(rules_file(broken={"for": "10m"}))


class TestOneIncident:
    def test_incident_fires_after_its_for_duration(self, watched: Watched) -> None:
        assert watched.ticks(2, wrong()) == []
        assert watched.incident().state is AlertState.PENDING
        (event,) = watched.tick(wrong())
        assert (event.state, event.severity, event.transition) == (AlertState.FIRING, AlertLevel.WARNING, 2)

    def test_condition_that_ends_before_its_for_duration_never_fires(self, watched: Watched) -> None:
        watched.ticks(2, wrong())
        assert watched.ticks(5) == []
        assert watched.memory.incidents == {}

    def test_standing_incident_notifies_once(self, watched: Watched) -> None:
        assert len(watched.ticks(300, wrong())) == 1

    def test_incident_has_current_text_and_values_of_start_and_now(self, watched: Watched) -> None:
        watched.ticks(3, wrong(value=3.0))
        watched.tick(wrong(value=70.0, summary="70 now"))
        found = watched.incident()
        assert (found.value_at_start, found.value, found.summary) == (3.0, 70.0, "70 now")

    def test_resolution_notifies_once(self, watched: Watched) -> None:
        watched.ticks(3, wrong())
        assert states(watched.ticks(10)) == [("broken", "resolved")]

    def test_flapping_incident_notifies_once_per_cool_down(self, watched: Watched) -> None:
        watched.ticks(3, wrong())
        for _ in range(3):
            watched.ticks(2, wrong())
            watched.ticks(1)
        assert watched.notified == [("broken", AlertState.FIRING)]

    def test_recurring_incident_notifies_again_after_cool_down(self, watched: Watched) -> None:
        watched.ticks(3, wrong())
        watched.ticks(3)
        assert watched.ticks(6, wrong()) == []
        assert states(watched.ticks(12, wrong())) == [("broken", "firing")]

    @pytest.mark.parametrize("count", [1, 2, 3, 5])
    def test_end_of_unreported_recurrence_does_not_notify(self, watched: Watched, count: int) -> None:
        """The returned condition is pending, or firing within its cool-down."""
        watched.ticks(3, wrong())
        assert states(watched.ticks(3)) == [("broken", "resolved")]
        assert watched.ticks(count, wrong()) == []
        assert watched.ticks(6) == []
        assert watched.incident().state is AlertState.RESOLVED

    def test_recurrence_is_not_escalated_before_being_reported(self) -> None:
        watched = Watched(rules_file(broken={"escalate": {"after": "30m"}}))
        watched.tick(wrong())
        watched.ticks(3)
        assert watched.ticks(8, wrong()) == []
        assert states(watched.ticks(8, wrong())) == [("broken", "firing"), ("broken", "escalated")]

    def test_recurrence_drops_earlier_acknowledgement(self, watched: Watched) -> None:
        watched.ticks(3, wrong())
        watched.memory = acknowledge(watched.memory, "broken/-", "ann@x", watched.file, "prod", watched.now)
        watched.ticks(3)
        watched.tick(wrong())
        assert watched.incident().acknowledged_by is None

    def test_missed_deadline_after_reported_failure_adds_no_message(self) -> None:
        """Failed at +10 min, deadline at +3 h: no second message reports the delay."""
        watched = Watched(
            rules_file(failing={}, missing={"causes": [{"rule": "failing", "match": ["workflow"]}]})
        )
        watched.ticks(3, wrong("failing", "w/s", workflow="w"))
        both = [wrong("failing", "w/s", workflow="w"), wrong("missing", "w", workflow="w")]
        watched.ticks(36, *both)
        assert watched.notified == [("failing", AlertState.FIRING)]
        assert watched.incident("missing/w").cause == "failing/w/s"


class TestEscalation:
    def test_unacknowledged_incident_escalates_after_delay(self) -> None:
        watched = Watched(rules_file(broken={"escalate": {"after": "30m"}}))
        notified = watched.ticks(20, wrong())
        assert states(notified) == [("broken", "firing"), ("broken", "escalated")]
        assert notified[1].severity is AlertLevel.CRITICAL
        assert notified[1].changed_at - notified[0].changed_at == 30 * MINUTE

    def test_resolution_records_escalation_despite_acknowledgement(self) -> None:
        watched = Watched(rules_file(broken={"escalate": {"after": "30m"}}))
        watched.ticks(8, wrong())
        acknowledged = watched.incident().model_copy(update={"state": AlertState.ACKNOWLEDGED})
        watched.memory = watched.memory.model_copy(update={"incidents": {acknowledged.key: acknowledged}})
        (over,) = watched.ticks(12)
        assert (over.state, over.context["escalated"]) == (AlertState.RESOLVED, True)

    def test_incident_escalates_when_its_value_reaches_the_limit(self) -> None:
        watched = Watched(rules_file(broken={"escalate": {"value": 100}}))
        watched.ticks(2, wrong(value=12.0))
        assert states(watched.tick(wrong(value=100.0))) == [("broken", "escalated")]

    def test_critical_incident_does_not_wait_behind_an_escalated_incident(self) -> None:
        watched = Watched(rules_file(broken={"escalate": {"after": "30m"}}))
        watched.ticks(7, wrong(subject="one"))
        loud = wrong(subject="two", severity=AlertLevel.CRITICAL)
        (event,) = watched.tick(wrong(subject="one"), loud)
        assert (event.about, event.severity) == ("two", AlertLevel.CRITICAL)
        assert watched.ticks(6, wrong(subject="one"), loud) != [], "which escalates in its turn"

    def test_acknowledged_incident_neither_escalates_nor_reminds(self) -> None:
        watched = Watched(rules_file(broken={"escalate": {"after": "30m"}, "remind": "1h"}))
        watched.tick(wrong())
        watched.memory = acknowledge(watched.memory, "broken/-", "ann@x", watched.file, "prod", watched.now)
        assert watched.ticks(100, wrong()) == []
        assert states(watched.ticks(3)) == [("broken", "resolved")]

    def test_unacknowledged_incident_sends_reminders(self) -> None:
        watched = Watched(rules_file(broken={"remind": "1h"}))
        notified = watched.ticks(25, wrong())
        assert len(notified) == 3
        assert len({event.id for event in notified}) == 3

    def test_a_worse_severity_does_not_wait_for_the_cool_down(self, watched: Watched) -> None:
        watched.ticks(3, wrong())
        (event,) = watched.tick(wrong(severity=AlertLevel.CRITICAL))
        assert event.severity is AlertLevel.CRITICAL


BY_SEVERITY = [
    {"severity": ["WARNING"], "channels": ["team"]},
    {"severity": ["CRITICAL"], "channels": ["oncall"]},
]
BY_WORKFLOW = [{"workflows": ["a"], "channels": ["team"]}, {"workflows": ["b"], "channels": ["oncall"]}]


class TestEnd:
    """The end closes a page, so it goes to each channel that opened one."""

    def channels(self, routes: list[dict[str, Any]], *watches: list[Condition]) -> list[list[str]]:
        """Return the channels of each message, in the order of the watches."""
        watched = Watched(rules_file({"routes": routes}, broken={}))
        return [channels_for(event, watched.file) for found in watches for event in watched.tick(*found)]

    def test_resolution_of_worsened_incident_also_reaches_first_channels(self) -> None:
        """The end went to the routes of its last severity alone."""
        worse = wrong(severity=AlertLevel.CRITICAL)
        *notified, over = self.channels(BY_SEVERITY, [wrong()], [worse], *[[]] * 4)
        assert notified == [["team"], ["oncall"]]
        assert sorted(over) == ["oncall", "team"]

    def test_resolution_reaches_all_channels_of_the_grouped_message(self) -> None:
        one, two = wrong(subject="one", workflow="a"), wrong(subject="two", workflow="b")
        first, over = self.channels(BY_WORKFLOW, [one, two], *[[one]] * 4)
        assert (sorted(first), sorted(over)) == (["oncall", "team"], ["oncall", "team"])

    def test_resolution_of_recurrence_reaches_only_its_own_channels(self) -> None:
        worse = wrong(severity=AlertLevel.CRITICAL)
        notified = self.channels(BY_SEVERITY, [wrong()], *[[]] * 4, *[[worse]] * 13, *[[]] * 4)
        assert notified == [["team"], ["team"], ["oncall"], ["oncall"]]

    def test_channel_removed_from_the_file_gets_no_resolution(self) -> None:
        watched = Watched(rules_file({"routes": BY_SEVERITY}, broken={}))
        watched.tick(wrong(severity=AlertLevel.CRITICAL))
        team = {"team": watched.file.channels["team"]}
        watched.file = rules_file({"channels": team, "routes": [{"channels": ["team"]}]}, broken={})
        (over,) = watched.ticks(4)
        assert channels_for(over, watched.file) == ["team"]


class TestManyAtOnce:
    def test_600_failures_of_one_bug_are_one_message(self) -> None:
        """One bug sent 600 e-mails (incident 23 of docs/explanation/incidents.md)."""
        watched = Watched(rules_file(symptom={}))
        (event,) = watched.ticks(24, *SYMPTOMS)
        assert event.context["others_count"] == 599
        (over,) = watched.ticks(5)
        assert over.state is AlertState.RESOLVED

    def test_later_failures_wait_for_cool_down_and_share_a_message(self) -> None:
        watched = Watched(rules_file(symptom={}))
        for number in range(1, 12):
            watched.tick(*SYMPTOMS[: number * 50])
        assert len(watched.notified) == 1
        (event,) = watched.ticks(12, *SYMPTOMS)
        assert event.context["others_count"] == 549

    def test_cause_notifies_and_includes_its_symptoms(self) -> None:
        rules = rules_file(
            cause={"severity": "CRITICAL"}, symptom={"for": "5m", "causes": [{"rule": "cause"}]}
        )
        watched = Watched(rules)
        watched.tick(*SYMPTOMS)  # shortly before their cause
        (event,) = watched.ticks(6, wrong("cause", severity=AlertLevel.CRITICAL), *SYMPTOMS)
        assert (event.rule, event.context["symptoms_count"]) == ("cause", 600)

    @pytest.mark.parametrize("killed", [False, True], ids=["running", "killed between"])
    @pytest.mark.parametrize("unwatched", [False, True], ids=["watched", "after an outage"])
    def test_symptoms_seen_a_watch_before_their_cause_wait_for_the_cause(
        self, killed: bool, unwatched: bool
    ) -> None:
        """The 600 symptoms start a second before their cause, whose row arrives only at the next watch."""
        file = rules_file(
            cause={"severity": "CRITICAL"}, symptom={"severity": "CRITICAL", "causes": [{"rule": "cause"}]}
        )
        watched = Watched(file)
        watched.tick()
        assert watched.tick(*SYMPTOMS, after=3 * HOUR if unwatched else TICK)[unwatched:] == []
        if killed:
            memory = type(watched.memory).model_validate_json(watched.memory.model_dump_json())
            watched = Watched(file, memory=memory, now=watched.now)
        (event,) = watched.ticks(5, wrong("cause"), *SYMPTOMS)
        assert (event.rule, event.context["symptoms_count"]) == ("cause", 600)

    def test_symptoms_without_cause_fire_after_group_wait(self) -> None:
        file = rules_file({"watch": {"group_wait": "10m"}}, cause={}, symptom={"causes": [{"rule": "cause"}]})
        watched = Watched(file)
        assert watched.ticks(2, *SYMPTOMS) == []
        assert states(watched.tick(*SYMPTOMS)) == [("symptom", "firing")]

    def test_wait_for_a_cause_lasts_one_watch_despite_an_early_tick(self) -> None:
        watched = Watched(rules_file(cause={}, symptom={"causes": [{"rule": "cause"}]}))
        watched.now += timedelta(seconds=1)
        assert watched.tick(*SYMPTOMS) == []
        assert states(watched.tick(*SYMPTOMS, after=TICK - timedelta(seconds=1))) == [("symptom", "firing")]

    def test_restart_repeats_no_message(self) -> None:
        rules = rules_file(cause={"severity": "CRITICAL"}, symptom={"causes": [{"rule": "cause"}]})
        watched = Watched(rules)
        watched.tick(wrong("cause"), *SYMPTOMS)
        reborn = type(watched.memory).model_validate_json(watched.memory.model_dump_json())
        again = Watched(rules, memory=reborn, now=watched.now)
        assert again.ticks(10, wrong("cause"), *SYMPTOMS) == []

    def test_resolution_of_cause_lists_remaining_symptoms(self) -> None:
        watched = Watched(rules_file(cause={}, symptom={"causes": [{"rule": "cause"}]}))
        watched.tick(wrong("cause"), wrong("symptom"))
        (over,) = watched.ticks(30, wrong("symptom"))
        assert (over.rule, over.state) == ("cause", AlertState.RESOLVED)
        assert [it["summary"] for it in over.context["left"]] == ["- is wrong."]  # type: ignore[index,union-attr,call-overload]
        assert states(watched.ticks(30)) == [("symptom", "resolved")]

    def test_remaining_critical_symptom_fires_when_its_cause_resolves(self) -> None:
        loud = {"severity": AlertLevel.CRITICAL}
        watched = Watched(rules_file(cause={}, symptom={"causes": [{"rule": "cause"}]}))
        watched.tick(wrong("cause", **loud), wrong("symptom", **loud))
        notified = watched.ticks(4, wrong("symptom", **loud))
        assert states(notified) == [("cause", "resolved"), ("symptom", "firing")]

    def test_cause_covers_symptoms_until_its_clear_for_elapses(self) -> None:
        watched = Watched(rules_file(cause={"clear_for": "1h"}, symptom={"causes": [{"rule": "cause"}]}))
        watched.tick(wrong("cause"))
        watched.ticks(3)
        assert watched.ticks(6, wrong("symptom")) == []
        (over,) = watched.ticks(12, wrong("symptom"))
        assert (over.rule, over.state, over.context["left_count"]) == ("cause", AlertState.RESOLVED, 1)

    def test_symptom_that_left_its_cause_is_listed_under_the_root(self) -> None:
        watched = Watched(
            rules_file(
                root={},
                cause={"causes": [{"rule": "root"}]},
                symptom={"causes": [{"rule": "cause", "match": ["workflow"]}]},
            )
        )
        watched.tick(wrong("cause", "c", workflow="a"), wrong("symptom", "s", workflow="a"))
        assert watched.incident("symptom/s").cause == "cause/c"
        watched.tick(
            wrong("root", "r"), wrong("cause", "c", workflow="a"), wrong("symptom", "s", workflow="b")
        )
        assert {watched.incident(key).cause for key in ("cause/c", "symptom/s")} == {"root/r"}

    def test_symptom_reported_to_team_alone_does_not_cover_a_cause_for_oncall(self) -> None:
        """The on-call page of a dead logger was joined to a message that only the team had received."""
        routes = [{"channels": ["team"]}, {"rules": ["cause"], "channels": ["oncall"]}]
        file = rules_file({"routes": routes}, cause={}, symptom={"causes": [{"rule": "cause"}]})
        watched = Watched(file)
        watched.ticks(3, wrong("symptom"))
        (page,) = watched.tick(wrong("symptom"), wrong("cause"))
        assert (page.rule, channels_for(page, file)) == ("cause", ["team", "oncall"])

    def test_symptom_that_is_gone_does_not_cover_its_cause(self) -> None:
        watched = Watched(rules_file(cause={}, symptom={"clear_for": "1h", "causes": [{"rule": "cause"}]}))
        watched.ticks(3, wrong("symptom"))
        watched.tick()
        assert [event.rule for event in watched.ticks(2, wrong("cause"))] == ["cause"]

    def test_cause_of_another_workflow_covers_no_symptom(self) -> None:
        watched = Watched(
            rules_file(cause={}, symptom={"causes": [{"rule": "cause", "match": ["workflow"]}]})
        )
        notified = watched.ticks(2, wrong("cause", workflow="a"), wrong("symptom", workflow="b"))
        assert {event.rule for event in notified} == {"cause", "symptom"}

    def test_scraper_failing_for_a_new_reason_is_reported(self) -> None:
        """The scraper was refused for its quota, which stays low, and then its source changed as well."""
        watched = Watched(load_rules(REPOSITORY / "config/alerts.yaml", REPOSITORY / "queries").file)
        low = wrong("quota-low", "s", scraper="s", trouble="a spent")
        refused = replace(low, rule="scraper-failing")
        changed = replace(refused, trouble="a changed")
        assert states(watched.ticks(6, low, refused)) == [("quota-low", "firing")]
        assert states(watched.ticks(6, low, changed)) == [("scraper-failing", "firing")]


class TestOutages:
    def test_monitor_outage_and_missed_alerts_are_reported(self, watched: Watched) -> None:
        watched.tick()
        notified = watched.tick(wrong(since=NINE + HOUR), after=3 * HOUR + 3 * MINUTE)
        assert [event.rule for event in notified] == ["not-watching", "broken"]
        assert "from 09:00 to 12:03" in notified[0].summary
        assert watched.ticks(5, wrong(since=NINE + HOUR)) == []

    def test_failed_query_of_one_tick_changes_no_incident(self, watched: Watched) -> None:
        watched.ticks(3, wrong())
        assert watched.tick(blind=True) == []
        assert watched.incident().state is AlertState.FIRING
        assert watched.ticks(2, wrong()) == []

    def test_half_hour_of_failed_queries_fires_cannot_judge(self, watched: Watched) -> None:
        watched.ticks(3, wrong())
        notified = watched.ticks(7, blind=True)
        assert states(notified) == [("cannot-judge", "firing")]
        assert watched.incident().state is AlertState.FIRING  # an unreadable dataset changes no state
        assert states(watched.ticks(4, wrong())) == [("cannot-judge", "resolved")]

    def test_condition_fires_without_earlier_data(self) -> None:
        watched = Watched(rules_file(broken={}))
        assert states(watched.tick(wrong())) == [("broken", "firing")]

    def test_failing_channel_is_reported(self, watched: Watched) -> None:
        watched.memory = watched.memory.model_copy(update={"failing_channels": {"team": NINE}})
        (event,) = watched.tick()
        assert (event.rule, event.about) == ("channel-failing", "team")

    def test_failing_channel_removed_from_the_file_resolves(self, watched: Watched) -> None:
        watched.memory = watched.memory.model_copy(
            update={"failing_channels": {"team": NINE, "oncall": NINE}}
        )
        watched.tick()
        channels = {"oncall": watched.file.channels["oncall"]}
        watched.file = rules_file({"channels": channels, "routes": [{"channels": ["oncall"]}]}, broken={})
        watched.ticks(3)
        assert list(watched.memory.failing_channels) == ["oncall"]
        assert watched.incident("channel-failing/team").state is AlertState.RESOLVED
        assert watched.incident("channel-failing/oncall").state is AlertState.FIRING


class TestSilence:
    def test_silenced_incident_is_recorded_without_notification(self, watched: Watched) -> None:
        watched.memory, made = silence(watched.memory, "broken", None, NINE + 2 * HOUR, "ann@x", "known")
        assert watched.ticks(5, wrong()) == []
        assert watched.incident().state is AlertState.SILENCED
        assert watched.ticks(5) == []
        assert watched.events[-1].state is AlertState.RESOLVED
        assert made.why == "known"

    def test_incident_fires_when_its_silence_expires(self, watched: Watched) -> None:
        watched.memory, _ = silence(watched.memory, "broken", "-", NINE + HOUR, "ann@x", "known")
        notified = watched.ticks(13, wrong())
        assert [event.changed_at for event in notified] == [NINE + HOUR]
        assert watched.memory.silences == ()

    def test_incident_fires_when_its_silence_is_removed(self, watched: Watched) -> None:
        watched.memory, made = silence(watched.memory, "broken", None, NINE + 9 * HOUR, "ann@x", "known")
        watched.ticks(5, wrong())
        watched.memory = unsilence(watched.memory, made.id)
        assert states(watched.tick(wrong())) == [("broken", "firing")]

    @pytest.mark.parametrize(
        ("subject", "workflow", "is_covered"),
        [
            ("morning", None, True),
            ("morning/scores", "morning", True),
            ("morning/scores", None, True),
            # Rules by query name the scraper or a search, and the workflow in a column of its own.
            ("scores", "morning", True),
            ("scores", "mornings", False),
            ("mornings/scores", "mornings", False),
            ("scores", None, False),
        ],
    )
    def test_silence_of_a_workflow_covers_its_incidents(
        self, watched: Watched, subject: str, workflow: str | None, is_covered: bool
    ) -> None:
        watched.memory, _ = silence(watched.memory, "broken", "morning", NINE + HOUR, "ann@x", "known")
        watched.ticks(5, wrong(subject=subject, workflow=workflow))
        incident = watched.incident(f"broken/{subject}")
        assert (incident.state is AlertState.SILENCED) is is_covered
        try:
            assert find(watched.memory, "broken/morning") == incident
        except UnknownIncident:
            assert not is_covered

    @pytest.mark.parametrize(("length", "is_found"), [(3, False), (4, True), (8, True)])
    def test_beginning_of_an_id_finds_the_incident(
        self, watched: Watched, length: int, is_found: bool
    ) -> None:
        watched.ticks(4, wrong())
        incident = watched.incident()
        try:
            assert find(watched.memory, incident.id[:length]) == incident
        except UnknownIncident as error:
            assert not is_found
            assert f"no incident '{incident.id[:length]}'; open incidents: {incident.id[:8]}" in str(error)
        else:
            assert is_found

    def test_paused_incident_is_recorded_and_fires_after_the_pause(self, watched: Watched) -> None:
        assert watched.ticks(4, wrong(paused=True)) == []
        assert watched.incident().state is AlertState.SILENCED
        assert states(watched.tick(wrong())) == [("broken", "firing")]

    def test_reported_incident_is_silenced_not_resolved_by_a_pause(self, watched: Watched) -> None:
        watched.ticks(4, wrong())
        assert watched.ticks(60, wrong(paused=True)) == []
        assert watched.incident().state is AlertState.SILENCED
        assert watched.ticks(4) == [], "it is over, which nobody waits to hear"

    @pytest.mark.parametrize(
        ("seen_to", "expected"), [("silenced", []), ("acknowledged", [AlertState.RESOLVED])]
    )
    def test_handled_incident_resolves_and_restart_repeats_no_message(
        self, seen_to: str, expected: list[AlertState], watched: Watched
    ) -> None:
        watched.ticks(3, wrong())
        if seen_to == "silenced":
            watched.memory, _ = silence(watched.memory, "broken", "-", NINE + 9 * HOUR, "ann@x", "known")
        else:
            watched.memory = acknowledge(
                watched.memory, "broken/-", "ann@x", watched.file, "prod", watched.now
            )
        watched.ticks(2, wrong())
        assert [event.state for event in watched.ticks(4)] == expected
        assert watched.events[-1].state is AlertState.RESOLVED, "it is recorded either way"
        memory = type(watched.memory).model_validate_json(watched.memory.model_dump_json())
        again = Watched(watched.file, memory=memory, now=watched.now)
        assert again.ticks(30) == []

    def test_quiet_window_suppresses_messages_and_records_reason(self) -> None:
        quiet = {"why": "All-Star break", "first": "2026-01-15", "last": "2026-01-15"}
        watched = Watched(rules_file({"quiet": [quiet]}, broken={}))
        assert watched.ticks(20, wrong()) == []
        assert "All-Star break" in str(watched.events[0].context["not_told"])

    def test_incident_of_removed_rule_resolves(self, watched: Watched) -> None:
        watched.ticks(3, wrong())
        watched.file = rules_file(other={})
        assert states(watched.tick()) == [("broken", "resolved")]


@given(st.lists(st.integers(0, 299), min_size=40, max_size=40), st.sampled_from([5, 10, 15, 30, 60]))
def test_rule_durations_count_ticks_despite_late_deliveries(late: list[int], minutes: int) -> None:
    """Law: an alert fires after its `for`, resolves after `clear_for` and repeats after `remind`, counted in ticks."""
    rule = {"for": f"{minutes}m", "clear_for": "10m", "remind": "1h"}
    watched = Watched(rules_file(broken=rule))
    ticks: list[tuple[int, AlertState]] = []
    for number, seconds in enumerate(late):
        watched.now = NINE + number * TICK + timedelta(seconds=seconds)
        held = (wrong(),) if number < 30 else ()
        ticks += [(number, event.state) for event in watched.tick(*held, after=timedelta())]
    first = minutes // 5
    firing = range(first, 30, 12)
    assert ticks == [*((number, AlertState.FIRING) for number in firing), (32, AlertState.RESOLVED)]


FAILURES = {
    "scraper": {
        "for": "15m",
        "joins": True,
        "causes": [{"rule": "workflow", "match": ["workflow"]}],
    },
    "workflow": {"causes": [{"rule": "dataset"}], "escalate": {"after": "2h"}},
    "dataset": {},
}
"""A rule for scrapers, its cause for workflows, and the cause of both."""


def failure(rule: str, name: str, trouble: str | None = "a away", **changes: Any) -> Condition:
    """Return a failure of a scraper or of its workflow; s1 belongs to w1."""
    return wrong(
        rule, f"{rule[0]}{name}", workflow=f"w{name}", scraper=f"s{name}", trouble=trouble, **changes
    )


class TestOneCause:
    def test_cause_found_after_its_reported_symptom_adds_no_message(self) -> None:
        watched = Watched(rules_file(**FAILURES))
        symptom, cause = failure("scraper", "1", None), failure("workflow", "1", None)
        assert states(watched.ticks(4, symptom)) == [("scraper", "firing")]
        assert watched.ticks(12, symptom, cause) == []
        assert watched.incident("workflow/w1").covered_by == "scraper/s1"
        assert "covered by the message about scraper/s1" in str(watched.events[-1].context["not_told"])
        assert states(watched.ticks(4)) == [("scraper", "resolved")], "what was told is over, once"

    def test_resolution_of_symptom_lists_its_remaining_cause(self) -> None:
        watched = Watched(rules_file(**FAILURES))
        symptom, cause = failure("scraper", "1", None), failure("workflow", "1", None)
        watched.ticks(4, symptom)
        watched.ticks(4, symptom, cause)
        (over,) = watched.ticks(4, cause)
        assert (over.rule, over.context["left_count"]) == ("scraper", 1)
        assert states(watched.ticks(4)) == [("workflow", "resolved")]

    def test_cause_worse_than_its_symptom_notifies(self) -> None:
        watched = Watched(rules_file(**FAILURES))
        symptom = failure("scraper", "1", None)
        watched.ticks(4, symptom)
        cause = failure("workflow", "1", None, severity=AlertLevel.CRITICAL)
        (event,) = watched.ticks(6, symptom, cause)
        assert (event.rule, event.severity) == ("workflow", AlertLevel.CRITICAL)

    def test_worsened_joined_incident_names_the_earlier_report(self) -> None:
        watched = Watched(rules_file(**FAILURES))
        symptom, cause = failure("scraper", "1", None), failure("workflow", "1", None)
        watched.ticks(4, symptom)
        watched.ticks(3, symptom, cause)
        worse = replace(cause, severity=AlertLevel.CRITICAL)
        (event,) = watched.ticks(3, symptom, worse)
        assert (event.rule, event.context["known_by"]) == ("workflow", "scraper/s1")

    def test_successive_failures_of_an_unavailable_source_share_a_message(self) -> None:
        watched = Watched(rules_file(**FAILURES))
        failures = [failure("scraper", str(number)) for number in range(10)]
        for number in range(1, 11):
            watched.ticks(12, *failures[:number])
        assert watched.notified == [("scraper", AlertState.FIRING)]
        assert len(watched.memory.incidents) == 10

    def test_simultaneous_failures_share_a_first_message(self) -> None:
        watched = Watched(rules_file(**FAILURES))
        (event,) = watched.ticks(4, failure("scraper", "1"), failure("scraper", "2"))
        assert event.context["others_count"] == 1
        assert "known_by" not in event.context

    def test_missed_workflow_of_a_reported_trouble_notifies_again(self) -> None:
        """A missing run is reported even if its cause has been reported."""
        watched = Watched(rules_file(**FAILURES))
        failing, lost = failure("scraper", "1"), failure("workflow", "2")
        watched.ticks(4, failing)
        (event,) = watched.ticks(10, failing, lost)
        assert (event.rule, event.context["known_by"]) == ("workflow", "scraper/s1")

    @pytest.mark.parametrize("trouble", ["b away", "a changed", "ours"])
    def test_different_trouble_notifies_beside_a_reported_trouble(self, trouble: str) -> None:
        watched = Watched(rules_file(**FAILURES))
        old, new = failure("scraper", "1"), failure("scraper", "2", trouble)
        watched.ticks(4, old)
        assert watched.ticks(3, old, new) == []
        (event,) = watched.tick(old, new)
        assert event.about == "s2"

    def test_same_trouble_after_joins_for_notifies_again(self) -> None:
        watched = Watched(rules_file({"watch": {"joins_for": "4h"}}, **FAILURES))
        old = failure("scraper", "1")
        watched.ticks(60, old)
        (event,) = watched.ticks(4, old, failure("scraper", "2"))
        assert event.about == "s2"

    def test_joined_incident_notifies_when_its_trouble_changes(self) -> None:
        watched = Watched(rules_file(**FAILURES))
        first, second = failure("scraper", "1"), failure("scraper", "2")
        watched.ticks(4, first)
        assert watched.ticks(13, first, second) == []
        assert watched.ticks(4, first, replace(second, trouble=None)) == [], "it does not say of what it is"
        (event,) = watched.ticks(4, first, replace(second, trouble="ours"))
        assert event.about == "s2"

    def test_silence_of_a_failure_does_not_cover_the_next(self) -> None:
        watched = Watched(rules_file(**FAILURES))
        old = failure("scraper", "1")
        watched.ticks(4, old)
        watched.memory, _ = silence(watched.memory, "scraper", "s1", NINE + 20 * HOUR, "ann@x", "known")
        notified = watched.ticks(18, old, failure("scraper", "2"))
        assert [event.about for event in notified] == ["s2"]

    def test_symptom_more_severe_than_its_cause_notifies(self) -> None:
        watched = Watched(rules_file(**FAILURES))
        quiet = failure("workflow", "1", None, severity=AlertLevel.INFO)
        notified = watched.ticks(5, quiet, failure("scraper", "1", None))
        assert ("scraper", AlertLevel.WARNING) in [(event.rule, event.severity) for event in notified]


TROUBLES = ("a away", "b away", "ours")
LEVELS = (AlertLevel.WARNING, AlertLevel.CRITICAL)
STANDING = st.dictionaries(
    st.tuples(st.sampled_from(["scraper", "workflow"]), st.sampled_from("123")),
    st.tuples(st.sampled_from(TROUBLES), st.sampled_from(LEVELS)),
    max_size=6,
).map(
    lambda found: [
        failure(rule, name, trouble, severity=level) for (rule, name), (trouble, level) in found.items()
    ]
)
ACTIONS = st.sampled_from(["none", "none", "acknowledge", "silence"])
HISTORIES = st.lists(st.tuples(STANDING, st.booleans(), st.integers(1, 16), ACTIONS), min_size=1, max_size=6)
"""Conditions, whether the dataset is behind as well, number of watches, and an operator's action before."""


def act(watched: Watched, action: str) -> None:
    """Acknowledge or silence the first firing incident."""
    first = next((it for it in watched.memory.incidents.values() if it.state is AlertState.FIRING), None)
    if first is not None and action == "acknowledge":
        watched.memory = acknowledge(watched.memory, first.key, "ann@x", watched.file, "prod", watched.now)
    if first is not None and action == "silence":
        until = watched.now + HOUR
        watched.memory, _ = silence(watched.memory, first.rule, first.subject, until, "ann@x", "known")


def known_as(incident: Incident, memory: Memory) -> AlertLevel | None:
    """Return the severity at which an incident was reported: by its cause, by another of its trouble, or by itself."""
    if incident.cause is not None:
        cause = memory.incidents[incident.cause]
        # A pending cause will be reported.
        return cause.severity
    speaker = memory.incidents[incident.covered_by] if incident.covered_by else incident
    assert speaker.covered_by is None
    assert speaker.is_open or speaker is incident
    return speaker.notified_severity if speaker.notified_at is not None else None


def states_of(incident: Incident, memory: Memory) -> set[AlertState]:
    """Return the states of an incident, of its cause and of the incident that reports it."""
    keys = {incident.key, incident.cause, incident.covered_by} & memory.incidents.keys()
    return {memory.incidents[key].state for key in keys if key}


@settings(max_examples=examples(60))
@given(HISTORIES)
def test_every_condition_is_reported_or_handled_within_cool_down(
    history: list[tuple[list[Condition], bool, int, str]],
) -> None:
    """Law: within a cool-down every condition is reported at its severity, acknowledged or silenced."""
    watched = Watched(rules_file(**FAILURES))
    unknown_since: dict[str, datetime] = {}
    for conditions, behind, count, action in history:
        act(watched, action)
        standing = [*conditions, *([wrong("dataset", severity=AlertLevel.CRITICAL)] if behind else [])]
        for _ in range(count):
            watched.tick(*standing)
            for key in {it.key for it in standing}:
                incident = watched.incident(key)
                loud = {known_as(incident, watched.memory), incident.notified_severity}
                seen_to = {AlertState.ACKNOWLEDGED, AlertState.SILENCED} & states_of(incident, watched.memory)
                if incident.severity in loud or AlertLevel.CRITICAL in loud or seen_to:
                    unknown_since.pop(key, None)
                since = unknown_since.setdefault(key, watched.now)
                assert watched.now - since <= HOUR + 15 * MINUTE, key
            unknown_since = {
                key: it for key, it in unknown_since.items() if key in {it.key for it in standing}
            }
    ids = [event.id for event in watched.events]
    assert len(ids) == len(set(ids)), "each change has an identity of its own"


@settings(max_examples=examples(60))
@given(st.lists(st.tuples(STANDING, st.integers(1, 12)), min_size=1, max_size=6))
def test_scrapers_of_the_same_trouble_share_a_message(history: list[tuple[list[Condition], int]]) -> None:
    """Law: any number of scrapers with one trouble are one message while one of them fails; a workflow adds one."""
    watched = Watched(rules_file({"watch": {"joins_for": "24h"}}, **FAILURES))
    always = failure("scraper", "0")
    for conditions, count in history:
        alike = [replace(it, trouble="a away", severity=AlertLevel.WARNING) for it in conditions]
        watched.ticks(count, always, *alike)
    result = [event for event in watched.events if event.notify and event.state is AlertState.FIRING]
    assert len([event for event in result if "known_by" not in event.context]) <= 1
    assert all(event.rule == "workflow" for event in result[1:])


@settings(max_examples=examples(60))
@given(
    st.sampled_from(["scraper", "workflow"]),
    st.lists(st.tuples(st.booleans(), st.integers(1, 20)), max_size=8),
)
def test_cause_and_symptom_share_a_message_in_any_order(stays: str, history: list[tuple[bool, int]]) -> None:
    """Law: while either of them stands, the other comes and goes without a message."""
    watched = Watched(rules_file(**FAILURES))
    other = "workflow" if stays == "scraper" else "scraper"
    for both, count in history:
        watched.ticks(count, failure(stays, "1", None), *([failure(other, "1", None)] if both else []))
    assert len([event for event in watched.events if event.notify and event.state is AlertState.FIRING]) <= 1


ROUNDS = st.lists(
    st.tuples(st.sampled_from(LEVELS), st.integers(1, 9), ACTIONS, st.integers(1, 9)), min_size=2, max_size=6
)
"""Severity, number of watches with the condition, an operator's action, and number of watches without it."""


@settings(max_examples=examples(60))
@given(st.sampled_from(["1m", "10m"]), ROUNDS)
def test_resolution_or_escalation_needs_an_earlier_message(
    holds: str, history: list[tuple[AlertLevel, int, str, int]]
) -> None:
    """Law: an end or an escalation needs a message since the last resolution."""
    watched = Watched(rules_file(broken={"for": holds, "escalate": {"after": "30m"}}))
    for level, stands, action, gone in history:
        watched.ticks(stands, wrong(severity=level))
        act(watched, action)
        watched.ticks(gone)
    result = False
    for event in watched.events:
        if event.state is AlertState.ESCALATED or (event.state is AlertState.RESOLVED and event.notify):
            assert result, event
        result = event.state is not AlertState.RESOLVED and (result or event.notify)


CONDITIONS = st.sets(st.sampled_from([wrong("cause"), *(wrong("symptom", f"s{n}") for n in range(4))]))


@settings(max_examples=examples(60))
@given(st.lists(st.one_of(st.none(), CONDITIONS), max_size=60))
def test_event_ids_are_unique_and_messages_respect_the_cool_down(
    history: list[set[object] | None],
) -> None:
    """Law: event ids are unique, and a rule has at most one firing message per cool-down."""
    watched = Watched(rules_file(cause={}, symptom={"for": "5m", "causes": [{"rule": "cause"}]}))
    for conditions in history:
        watched.tick(*(conditions or ()), blind=conditions is None)  # type: ignore[arg-type]
    ids = [event.id for event in watched.events]
    assert len(ids) == len(set(ids))
    for rule in ("cause", "symptom"):
        times = [
            event.changed_at
            for event in watched.events
            if event.notify and event.rule == rule and event.state is AlertState.FIRING
        ]
        assert all(later - earlier >= HOUR for earlier, later in pairwise(times))
