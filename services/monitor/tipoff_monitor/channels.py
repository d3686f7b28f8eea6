"""Channels on Apprise: each sends a notice as plain text within its own time-outs, and returns whether it was taken."""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from apprise import Apprise, NotifyFormat, NotifyType

from tipoff_common.yaml_source import ConfigurationError
from tipoff_monitor.notices import Notice
from tipoff_monitor.rules import Channel

log = logging.getLogger(__name__)

# Together well below the claim's lease, so that a hanging channel does not get a message twice.
CONNECT_SECONDS, READ_SECONDS = 5, 15
_CUSTOM = ("json", "jsons", "xml", "xmls", "form", "forms")
"""Schemas of generic webhooks, which get the id of a change in a header."""
_PAGERS = ("pagerduty",)
_MAIL = ("mailto", "mailtos")
_BLOCKED_PORT = 25
"""SMTP between servers, which Google Cloud blocks: https://cloud.google.com/compute/docs/tutorials/sending-mail."""


class Sender(Protocol):
    """One channel."""

    def send(self, notice: Notice) -> bool:
        """Send a notice; return whether the channel took it. Never raises."""


@dataclass(frozen=True)
class AppriseSender:
    """A channel behind a URL of Apprise. The URL is a secret, so it is never shown."""

    name: str
    url: str = field(repr=False)

    def send(self, notice: Notice) -> bool:
        """Send within the time-outs; log a failure without the URL."""
        try:
            # A new object for each notice, because the id of the change is part of the URL.
            channel = Apprise.instantiate(_with(self.url, notice))
            if channel is None:
                return False
            target = Apprise()
            target.add(channel)
            # PagerDuty opens an incident at FAILURE and closes it at SUCCESS; chats colour messages by them.
            kind = NotifyType.SUCCESS if notice.resolved else NotifyType.FAILURE
            # Declared as text, so that each channel escapes markup in it.
            taken = target.notify(
                body=notice.body, title=notice.title, notify_type=kind, body_format=NotifyFormat.TEXT
            )
        except Exception as error:  # noqa: BLE001  # a channel's plugin must not stop the other channels
            log.error("channel failed", extra={"channel": self.name, "kind": type(error).__name__})
            return False
        return bool(taken)


@dataclass(frozen=True)
class LogSender:
    """A channel without a URL on a developer's machine, which writes to the log."""

    name: str

    def send(self, notice: Notice) -> bool:
        """Log the notice."""
        log.warning("notification", extra={"channel": self.name, "title": notice.title, "body": notice.body})
        return True


def open_channels(
    channels: Mapping[str, Channel], environ: Mapping[str, str], *, local: bool
) -> Mapping[str, Sender]:
    """Open every channel.

    local: a developer's machine, where a channel without a URL writes to the log.

    Raises:
        ConfigurationError: for a variable that is unset, that Apprise does not understand, or that sends mail by a
            blocked port; never with its value.
    """
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its messages contain hosts, and sometimes more
    senders: dict[str, Sender] = {}
    faults: list[str] = []
    for name, channel in channels.items():
        url = environ.get(channel.url, "").strip()
        if not url and local:
            senders[name] = LogSender(name)
        elif not url:
            faults.append(f"channel {name}: {channel.url} is not set; set that secret to an Apprise URL")
        # Checked at start: at the first alert Apprise would refuse the URL silently.
        elif (opened := Apprise.instantiate(url)) is None:
            faults.append(
                f"channel {name}: the value of {channel.url} is not a URL that Apprise understands;"
                " see https://appriseit.com for its form"
            )
        # Apprise chooses the port unless the URL names one: 25 for mailto:// to an unknown provider.
        elif not local and _schema(url) in _MAIL and opened.port == _BLOCKED_PORT:
            faults.append(
                f"channel {name}: the value of {channel.url} sends mail through port 25, which Google Cloud blocks;"
                " write mailtos:// without a port, which takes 587"
            )
        else:
            senders[name] = AppriseSender(name, url)
    if faults:
        raise ConfigurationError(faults)
    return senders


def send_to(senders: Mapping[str, Sender], notice: Notice) -> Mapping[str, bool]:
    """Send to several channels in parallel, so that a hanging channel does not delay the others."""
    # A thread pool without threads is an error.
    if not senders:
        return {}
    with ThreadPoolExecutor(max_workers=len(senders)) as pool:
        taken = {name: pool.submit(sender.send, notice) for name, sender in senders.items()}
        return {name: future.result() for name, future in taken.items()}


def _with(url: str, notice: Notice) -> str:
    """Return the URL with time-outs and with the ids by which the receiver recognizes a repeated change."""
    schema = _schema(url)
    options = {}
    # Time-outs in the URL take precedence: its author knows the channel better.
    if "cto=" not in url:
        options["cto"] = str(CONNECT_SECONDS)
    if "rto=" not in url:
        options["rto"] = str(READ_SECONDS)
    if schema in _CUSTOM:
        options["+Idempotency-Key"] = notice.event_id
    if schema in _PAGERS:
        # One page per incident: its first message opens the page, its last one closes it.
        options |= {"dedup": notice.alert_id, "action": "map"}
    extra = "&".join(f"{quote(key, safe='+')}={quote(value)}" for key, value in options.items())
    return f"{url}{'&' if '?' in url else '?'}{extra}"


def _schema(url: str) -> str:
    return url.partition("://")[0].lower()
