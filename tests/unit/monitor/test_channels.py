"""Tests of notifications: texts stay plain text in every channel, and a bad URL is refused at start."""

import json
from collections.abc import Mapping
from threading import Event
from typing import Any
from unicodedata import category

import apprise
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.monitor.bench import NINE, TICK, rules_file
from tipoff_common.events import AlertChanged, AlertLevel, AlertState
from tipoff_common.yaml_source import ConfigurationError
from tipoff_monitor.alert_routes import channels_for
from tipoff_monitor.channels import AppriseSender, open_channels, send_to
from tipoff_monitor.notices import Notice, write_notice
from tipoff_monitor.texts import plain

# The first URL imports all of Apprise's plugins; one of them imports a module that Python 3.13 removed.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

HOSTILE = "<b>x</b> [y](http://evil.test) @channel <!here> <@U1> https://evil.test \x1b[31m\r\nBcc: a@b.c *z* \u202e"
SECRET = "s3cr3t-token"  # noqa: S105  # a made-up value


def event(**changes: Any) -> AlertChanged:
    sample = {
        "alert_id": "a1b2c3d4e5",
        "rule": "broken",
        "about": "s",
        "state": "firing",
        "severity": "WARNING",
        "changed_at": NINE,
        "since": NINE,
        "value": 70.0,
        "summary": HOSTILE,
        "context": {"value_at_start": 3.0, "scraper": "s"},
        "runbook": "docs/runbooks/dead-letters.md",
        "environment": "prod",
        "transition": 1,
    }
    return AlertChanged.model_validate({**sample, **changes})


def notice(**changes: Any) -> Notice:
    return write_notice(event(**changes), rules_file(broken={}).rules["broken"], "https://console.test")


def test_notice_shows_summary_then_numbers_then_remedy() -> None:
    lines = notice(summary="It broke.").body.splitlines()
    assert lines[:2] == ["It broke.", "Since 2026-01-15 09:00 New York time; 70 now, 3 at the start."]
    assert lines[2:] == [
        "Do: tipoff query x --param about=s",
        "Rows: tipoff query alert_dead_letters",
        "Runbook: docs/runbooks/dead-letters.md",
        "Acknowledge: tipoff alerts ack a1b2c3d4",
        "Console: https://console.test",
    ]


def test_resolved_notice_omits_current_value_and_remedies() -> None:
    lines = notice(state=AlertState.RESOLVED, summary="It broke.", changed_at=NINE + TICK).body.splitlines()
    assert lines == [
        "It broke.",
        "It lasted from 2026-01-15 09:00 New York time; 70 when last seen, 3 at the start.",
        "Ended at 2026-01-15 09:05.",
    ]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the list of HTTP requests that Apprise's plugins send."""
    found: list[dict[str, Any]] = []

    def answer(*arguments: Any, **options: Any) -> requests.Response:
        found.append({"url": arguments[-1], **options})
        response = requests.Response()
        response.status_code, response._content = 200, b'{"ok": true}'
        return response

    for name in ("request", "post"):
        monkeypatch.setattr(requests, name, answer)
    return found


CHANNELS = {
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/",
    "discord": "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    "webhook": "json://hook.test/x",
    "pagerduty": "pagerduty://74f9b58e4b7a4a5e8a9f01b9d3d2c1aa@apikey",
    "telegram": "tgram://123456789:abcdefg_hijklmnop/12315544/",
}


@pytest.mark.parametrize("name", CHANNELS)
def test_untrusted_text_stays_plain_in_every_channel(sent: list[dict[str, Any]], name: str) -> None:
    AppriseSender(name, CHANNELS[name]).send(notice())
    assert sent
    wire = "".join(str(item.get("data") or item.get("json")) for item in sent)
    for live in (
        "@channel",
        "<!here>",
        "<@U1>",
        "https://evil.test",
        "http://evil.test",
        "\x1b",
        "\\u001b",
        "\u202e",
    ):
        assert live not in wire
    if name in ("slack", "telegram"):  # these channels interpret markup
        assert "<b>x</b>" not in wire


@given(st.text(max_size=300))
def test_any_text_becomes_one_harmless_line(text: str) -> None:
    """Law: the line has no control character, no mention and no link."""
    found = plain(text)
    assert "\n" not in found
    assert "://" not in found.replace(":\u200b//", "")
    assert "@here" not in found
    assert not any(category(char) == "Cc" for char in found)


@pytest.mark.parametrize("part", ["about", "scraper"])
def test_a_command_with_a_mention_or_a_link_is_harmless_and_whole(part: str) -> None:
    rule = rules_file(broken={"command": f"tipoff query x --param a={{{part.replace('about', 'subject')}}}"})
    hostile = f"@channel https://evil.test/{'x' * 700}"
    result = event(**{"about": hostile} if part == "about" else {"context": {"scraper": hostile}})
    (line,) = [
        it
        for it in write_notice(result, rule.rules["broken"], None).body.splitlines()
        if it.startswith("Do: ")
    ]
    assert line.replace("\u200b", "") == f"Do: tipoff query x --param a={hostile}"
    assert "@channel" not in line
    assert "https://" not in line


def test_webhook_request_carries_event_id_and_timeouts(sent: list[dict[str, Any]]) -> None:
    AppriseSender("webhook", CHANNELS["webhook"]).send(notice())
    assert sent[0]["headers"]["Idempotency-Key"] == event().id
    assert sent[0]["timeout"] == (5.0, 15.0)


def test_pagerduty_resolve_uses_dedup_key_of_trigger(sent: list[dict[str, Any]]) -> None:
    for state in ("firing", "resolved"):
        AppriseSender("pagerduty", CHANNELS["pagerduty"]).send(notice(state=state))
    result = [json.loads(item["data"]) for item in sent]
    assert [it["event_action"] for it in result] == ["trigger", "resolve"]
    assert {it["dedup_key"] for it in result} == {"a1b2c3d4e5"}


@pytest.mark.parametrize("url", ["nonsense", "json://", "slack://short", f"gopher://{SECRET}@x"])
def test_url_invalid_for_apprise_is_refused_and_not_shown(url: str) -> None:
    environ = {"ALERTS_TEAM_URL": url, "ALERTS_ONCALL_URL": "json://hook.test"}
    with pytest.raises(
        ConfigurationError, match="channel team: the value of ALERTS_TEAM_URL is not a URL"
    ) as caught:
        open_channels(rules_file(broken={}).channels, environ, local=False)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        (f"mailto://me:{SECRET}@mail.test", True),
        (f"MAILTO://me:{SECRET}@mail.test?to=team@mail.test", True),
        (f"mailtos://me:{SECRET}@mail.test:25", True),
        (f"mailtos://me:{SECRET}@mail.test", False),
        (f"mailto://me:{SECRET}@mail.test?mode=ssl", False),
        (f"mailto://me:{SECRET}@mail.test:2525", False),
        (f"mailto://me:{SECRET}@gmail.com", False),  # Apprise has a default port for it
        ("json://hook.test:25", False),
    ],
)
def test_mail_by_a_port_that_google_blocks_is_refused_and_not_shown(url: str, *, refused: bool) -> None:
    channels = rules_file(broken={}).channels
    environ = {"ALERTS_TEAM_URL": url, "ALERTS_ONCALL_URL": "json://hook.test"}
    assert open_channels(channels, environ, local=True).keys() == channels.keys()
    if not refused:
        assert open_channels(channels, environ, local=False).keys() == channels.keys()
        return
    with pytest.raises(ConfigurationError, match=r"channel team: .* port 25.* mailtos://") as caught:
        open_channels(channels, environ, local=False)
    assert SECRET not in str(caught.value)


def test_channel_without_url_is_refused_except_on_developer_machine() -> None:
    channels = rules_file(broken={}).channels
    with pytest.raises(ConfigurationError, match="ALERTS_TEAM_URL is not set"):
        open_channels(channels, {}, local=False)
    assert all(sender.send(notice()) for sender in open_channels(channels, {}, local=True).values())


def test_sender_repr_hides_url() -> None:
    assert SECRET not in repr(AppriseSender("team", f"json://{SECRET}@hook.test"))


def test_failing_channel_does_not_affect_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(apprise.Apprise, "notify", broken)

    class Well:
        def send(self, _notice: Notice) -> bool:
            return True

    senders: Mapping[str, Any] = {"broken": AppriseSender("broken", CHANNELS["webhook"]), "well": Well()}
    assert send_to(senders, notice()) == {"broken": False, "well": True}


def test_hanging_channel_does_not_delay_others() -> None:
    """The first channel answers only after the second one got the notice."""
    result = Event()

    class Hanging:
        def send(self, _notice: Notice) -> bool:
            return not result.wait(30)

    class Well:
        def send(self, _notice: Notice) -> bool:
            result.set()
            return True

    senders: Mapping[str, Any] = {"hanging": Hanging(), "well": Well()}
    assert send_to(senders, notice()) == {"hanging": False, "well": True}


def test_resolution_lists_open_incidents_and_reaches_their_channels() -> None:
    left = [{"rule": "other", "severity": "WARNING", "workflow": "lines", "summary": "lines did not run."}]
    over = {"state": AlertState.RESOLVED, "summary": "It broke.", "context": {"left": left, "left_count": 1}}
    assert notice(**over).body.endswith("Still open (1):\n- lines did not run.")
    file = rules_file(
        {"routes": [{"channels": ["team"]}, {"rules": ["other"], "channels": ["oncall"]}]},
        broken={},
        other={},
    )
    assert channels_for(event(**over), file) == ["team", "oncall"]


def test_grown_trouble_names_its_earlier_report() -> None:
    lines = notice(summary="It broke.", context={"known_by": "scraper-failing/s"}).body.splitlines()
    assert "This trouble was reported before, as scraper-failing/s; it has grown." in lines


def test_channels_depend_on_severity_escalation_and_failing_channel() -> None:
    file = rules_file(broken={})
    assert channels_for(event(), file) == ["team"]
    escalated = event(state=AlertState.ESCALATED, severity=AlertLevel.CRITICAL)
    assert channels_for(escalated, file) == ["team", "oncall"]
    assert channels_for(event(severity=AlertLevel.INFO), file) == []
    assert channels_for(event(rule="channel-failing", about="team"), file) == ["oncall"]


def test_resolution_reaches_oncall_only_after_escalation() -> None:
    over = event(state=AlertState.RESOLVED, severity=AlertLevel.CRITICAL, context={"escalated": True})
    assert channels_for(over, rules_file(broken={})) == ["team", "oncall"]
    quiet = event(state=AlertState.RESOLVED, severity=AlertLevel.CRITICAL, context={})
    assert channels_for(quiet, rules_file(broken={})) == ["team"]


def test_message_goes_to_channels_of_all_listed_incidents() -> None:
    own = {"workflows": ["lines"], "channels": ["oncall"]}
    file = rules_file({"routes": [{"channels": ["team"]}, own]}, broken={})
    others = [{"workflow": "lines", "severity": "WARNING", "summary": "x"}]
    assert channels_for(event(context={"others": others}), file) == ["team", "oncall"]
