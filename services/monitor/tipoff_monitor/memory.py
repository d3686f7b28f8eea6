"""The monitor's objects in the state bucket.

monitor/memory.json                         incidents and silences, changed by compare-and-swap on its generation
monitor/damaged/<hash>.json                 a memory that could not be read, kept for people
monitor/configurations/<hash>.yaml          a workflows file that was live, for the difference to the next
monitor/simulation.json                     the simulated season that the console shows, the latest that was sent
monitor/sent/<day>/<event>/<channel>.claim  who sends a notification, until when nobody else does
monitor/sent/<day>/<event>/<channel>.claim.asked  written to read the bucket's clock, when a claim may be over
monitor/sent/<day>/<event>/<channel>.done   it was taken by the channel
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
from tipoff_monitor.simulation import KeptSimulation
from tipoff_planning.frozen import Frozen

log = logging.getLogger(__name__)

NAME = "monitor/memory.json"
_DAMAGED = "monitor/damaged"
_CONFIGURATIONS = "monitor/configurations"
_SIMULATION = "monitor/simulation.json"
# A sender that died holds a notification back for this long and no longer.
LEASE = timedelta(seconds=60)
"""How long a sender has; its channels' time-outs are far below."""
_ATTEMPTS = 8
"""Writers that may come in between before a change gives up; people and watches are few."""


class SendingClaim(Frozen):
    """Somebody sends until an instant."""

    until: Instant
    released: bool = False
    """The sender gave up, and anybody may go on."""


class MonitorState:
    """The monitor's prefix of the state bucket. Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._state = state

    def read_or_set_aside(self) -> tuple[Memory, int | None]:
        """Copy a memory that cannot be read to `monitor/damaged/`; return the memory with its generation.

        It is empty before the first watch, with no generation, and empty in place of one that cannot be read: that
        people are told once more of what is wrong is the smaller harm, as otherwise they would be told of nothing from
        then on.
        """
        found = self._state.read(NAME)
        if found is None:
            return Memory(), None
        try:
            return Memory.model_validate_json(found.body), found.generation
        except ValidationError as error:
            kept = f"{_DAMAGED}/{content_hash(found.body)}.json"
            log.critical("memory cannot be read, kept as %s", kept, extra={"detail": str(error)[:500]})
            self._state.create(kept, found.body)
            return Memory(), found.generation

    def write(self, memory: Memory, generation: int | None) -> bool:
        """Write over exactly that generation; False when another writer was faster."""
        return write_stored(self._state, NAME, memory.model_dump_json().encode(), generation)

    def update(self, change: Callable[[Memory], Memory]) -> Memory:
        """Change the memory, whoever else does so at the same time; return it as it is now."""
        for _ in range(_ATTEMPTS):
            before, generation = self.read_or_set_aside()
            after = change(before)
            # An unchanged memory is not written, so that asking twice costs no generation and no other writer its try.
            if after == before or self.write(after, generation):
                return after
        raise Unavailable("the monitor's memory is changed by too many at once; ask again")

    def is_sent(self, event: AlertChanged, channel: str) -> bool:
        """Tell whether a channel took the notification of a change."""
        return self._state.info(f"{_folder(event, channel)}.done") is not None

    def claim(self, event: AlertChanged, channel: str, now: datetime) -> bool:
        """Claim the sending of a notification; False while somebody else has it."""
        name, body = f"{_folder(event, channel)}.claim", _claim(now + LEASE)
        if self._state.create(name, body):
            return True
        held = self._state.read(name)
        # Gone again, or somebody else is at it: the redelivery looks once more.
        if held is None or not self._is_over(name, held.body, now):
            return False
        # Of two that find the same expired claim, one replaces it; its sender may have finished between the two looks.
        return self._state.replace(name, body, generation=held.generation) and not self.is_sent(
            event, channel
        )

    def release(self, event: AlertChanged, channel: str, now: datetime) -> None:
        """Give a claim back, as the channel did not take the notification."""
        name = f"{_folder(event, channel)}.claim"
        held = self._state.read(name)
        # Replaced and not deleted: a deletion knows no generation and could take away somebody else's claim.
        if held is not None:
            self._state.replace(name, _claim(now, released=True), generation=held.generation)

    def note_sent(self, event: AlertChanged, channel: str) -> None:
        """Write down that a channel took the notification."""
        # An object of its own: the claim may be replaced by others, and this mark must not.
        self._state.create(f"{_folder(event, channel)}.done", b"")

    def _is_over(self, name: str, body: bytes, now: datetime) -> bool:
        """Tell whether a claim holds no longer; one that cannot be read does not, or nobody would ever be told."""
        claim = read_stored(SendingClaim, name, body)
        if claim is None:
            return True
        # By this clock first, which costs no call; only the bucket's clock says that a lease is over, as the sender's
        # may be minutes behind.
        return claim.released or (now >= claim.until and not measure_lease(self._state, name, LEASE))

    def keep_configuration(self, config_hash: str, text: str) -> None:
        """Write down a workflows file, once."""
        self._state.create(
            f"{_CONFIGURATIONS}/{config_hash}.yaml", text.encode(), content_type="application/yaml"
        )

    def configuration(self, config_hash: str) -> str | None:
        """Return a workflows file that was live, None for one that no monitor had."""
        # The hash comes from a row; another shape than a hash's is none of ours to open.
        found = self._state.get(f"{_CONFIGURATIONS}/{config_hash}.yaml") if config_hash.isalnum() else None
        return None if found is None else found.decode(errors="replace")

    def keep_simulation(self, simulation: KeptSimulation) -> None:
        """Write down a simulated season in place of the one before."""
        # The latest wins, whoever sends it: nothing depends on the one before.
        self._state.put(_SIMULATION, simulation.model_dump_json().encode(), content_type="application/json")

    def simulation(self) -> KeptSimulation | None:
        """Return the simulated season that was sent last, None before the first."""
        found = self._state.get(_SIMULATION)
        return None if found is None else KeptSimulation.model_validate_json(found)


def _claim(until: datetime, *, released: bool = False) -> bytes:
    return SendingClaim(until=until, released=released).model_dump_json().encode()


def _folder(event: AlertChanged, channel: str) -> str:
    return f"monitor/sent/{event.changed_at:%Y-%m-%d}/{event.id}/{name_part(channel)}"
