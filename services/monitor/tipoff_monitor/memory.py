"""The monitor's objects in the state bucket.

monitor/memory.json                         incidents and silences, changed by compare-and-swap on its generation
monitor/damaged/<hash>.json                 an unreadable memory, kept for inspection
monitor/configurations/<hash>.yaml          a workflows file that was live, for the difference to the next
monitor/simulation.json                     the simulated season that the console shows, the latest that was sent
monitor/sent/<day>/<event>/<channel>.claim  the exclusive right to send a notification, with its end
monitor/sent/<day>/<event>/<channel>.claim.asked  written to read the bucket's clock, when a claim may be over
monitor/sent/<day>/<event>/<channel>.done   mark that the channel took the notification
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import ValidationError

from tipoff_common.bounds import name_part
from tipoff_common.clock import Instant
from tipoff_common.events import AlertChanged
from tipoff_common.identity import content_hash
from tipoff_common.leases import measure_lease
from tipoff_common.ports import Objects, Unavailable
from tipoff_common.stored import read_stored, write_stored
from tipoff_monitor.incidents import Memory
from tipoff_monitor.simulation import StoredSimulation
from tipoff_planning.frozen import Frozen

log = logging.getLogger(__name__)

NAME = "monitor/memory.json"
_DAMAGED = "monitor/damaged"
_CONFIGURATIONS = "monitor/configurations"
_SIMULATION = "monitor/simulation.json"
# A crashed sender holds a notification back for this long at most.
LEASE = timedelta(seconds=60)
"""The time that a sender has; the time-outs of its channels are far below."""
_ATTEMPTS = 8
"""Attempts of a change under concurrent writers before it gives up; people and watches are few."""


class SendingClaim(Frozen):
    """The exclusive right of one monitor to send a notification, until an instant."""

    until: Instant
    released: bool = False
    """Whether the sender gave up, so that any monitor may claim."""


class MonitorState:
    """The monitor's prefix of the state bucket. Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._state = state

    def read_or_set_aside(self) -> tuple[Memory, int | None]:
        """Copy an unreadable memory to `monitor/damaged/`; return the memory with its generation.

        The memory is empty before the first watch (without a generation), and in place of an unreadable one: repeated
        messages about present incidents are the smaller harm, since otherwise there would be no messages from then on.
        """
        found = self._state.read(NAME)
        if found is None:
            return Memory(), None
        try:
            return Memory.model_validate_json(found.body), found.generation
        except ValidationError as error:
            kept = f"{_DAMAGED}/{content_hash(found.body)}.json"
            log.critical("unreadable memory, copied to %s", kept, extra={"detail": str(error)[:500]})
            self._state.create(kept, found.body)
            return Memory(), found.generation

    def write(self, memory: Memory, generation: int | None) -> bool:
        """Replace exactly that generation of the memory; False when another process wrote first."""
        return write_stored(self._state, NAME, memory.model_dump_json().encode(), generation)

    def update(self, change: Callable[[Memory], Memory]) -> Memory:
        """Change the memory by compare-and-swap, with retries; return the memory as it is now."""
        for _ in range(_ATTEMPTS):
            before, generation = self.read_or_set_aside()
            after = change(before)
            # An unchanged memory is not written: a write would make a concurrent writer's attempt fail.
            if after == before or self.write(after, generation):
                return after
        raise Unavailable("too many concurrent changes of the monitor's memory; retry")

    def is_sent(self, event: AlertChanged, channel: str) -> bool:
        """Return whether a channel took the notification of a change."""
        return self._state.info(f"{_folder(event, channel)}.done") is not None

    def claim(self, event: AlertChanged, channel: str, now: datetime) -> bool:
        """Claim the sending of a notification; False while another monitor holds the claim."""
        name, body = f"{_folder(event, channel)}.claim", _claim(now + LEASE)
        if self._state.create(name, body):
            return True
        stored = self._state.read(name)
        # The claim is deleted, or another monitor is sending: the redelivery tries again.
        if stored is None or not self._is_over(name, stored.body, now):
            return False
        # Only one of two monitors can replace the same expired claim; its sender may have finished meanwhile.
        return self._state.replace(name, body, generation=stored.generation) and not self.is_sent(
            event, channel
        )

    def release(self, event: AlertChanged, channel: str, now: datetime) -> None:
        """Release a claim after the channel did not take the notification."""
        name = f"{_folder(event, channel)}.claim"
        stored = self._state.read(name)
        # Replaced and not deleted: a deletion has no generation, and could remove another monitor's claim.
        if stored is not None:
            self._state.replace(name, _claim(now, released=True), generation=stored.generation)

    def note_sent(self, event: AlertChanged, channel: str) -> None:
        """Write the mark that a channel took the notification."""
        # A separate object: other monitors may replace the claim, but never this mark.
        self._state.create(f"{_folder(event, channel)}.done", b"")

    def _is_over(self, name: str, body: bytes, now: datetime) -> bool:
        """Return whether a claim is over; an unreadable one is, or the notification would never be sent."""
        claim = read_stored(SendingClaim, name, body)
        if claim is None:
            return True
        # Check this process's clock first, which costs no call. Only the bucket's clock decides that a lease is over,
        # since the sender's clock may be minutes behind.
        return claim.released or (now >= claim.until and not measure_lease(self._state, name, LEASE))

    def keep_configuration(self, config_hash: str, text: str) -> None:
        """Store a workflows file, once."""
        self._state.create(
            f"{_CONFIGURATIONS}/{config_hash}.yaml", text.encode(), content_type="application/yaml"
        )

    def configuration(self, config_hash: str) -> str | None:
        """Return a workflows file that was live; None for one that no monitor had."""
        # The hash comes from a row: never open an object by a text that has not the shape of a hash.
        found = self._state.get(f"{_CONFIGURATIONS}/{config_hash}.yaml") if config_hash.isalnum() else None
        return None if found is None else found.decode(errors="replace")

    def keep_simulation(self, simulation: StoredSimulation) -> None:
        """Store a simulated season in place of the previous one."""
        # The last write wins: nothing depends on the previous season.
        self._state.put(_SIMULATION, simulation.model_dump_json().encode(), content_type="application/json")

    def simulation(self) -> StoredSimulation | None:
        """Return the simulated season that was sent last; None before the first."""
        found = self._state.get(_SIMULATION)
        return None if found is None else StoredSimulation.model_validate_json(found)


def _claim(until: datetime, *, released: bool = False) -> bytes:
    return SendingClaim(until=until, released=released).model_dump_json().encode()


def _folder(event: AlertChanged, channel: str) -> str:
    return f"monitor/sent/{event.changed_at:%Y-%m-%d}/{event.id}/{name_part(channel)}"
