"""The options of `tipoff up`, in a module without the stack's imports, which a background start does not need."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class UpOptions:
    """Differences of a stack of `tipoff up` from the default one."""

    live: Collection[str] | None = ()
    """Hosts that get requests although they have a fake; None for all."""
    every: int | None = None
    """Minutes between evaluations, in place of those of infra/ticks.yaml."""
    watch: bool = False
    """Restart services when the fleet or workflows.yaml is edited."""
    fresh: bool = False
    """Empty the history of earlier stacks first."""
    tour: bool = False
    """Start with an invented week, in a separate dataset."""

    def arguments(self) -> list[str]:
        """Return the command-line arguments for these options."""
        options = [] if self.live == () else ["--live", *(self.live or ())]
        options += [] if self.every is None else ["--every", str(self.every)]
        given = {"--watch": self.watch, "--fresh": self.fresh, "--tour": self.tour}
        return [*options, *(name for name, is_given in given.items() if is_given)]
