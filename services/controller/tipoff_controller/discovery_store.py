"""The plans of searches that learn, in the state bucket: one a workflow and day, the first that was written."""

import threading
from datetime import date

from tipoff_common.ports import Objects
from tipoff_common.retrying_objects import retrying
from tipoff_common.stored import read_stored
from tipoff_controller import names
from tipoff_planning.discovery.plans import DiscoveryPlan

_KEPT = 500
"""Plans kept in this process, a few kB each: three days of over a hundred searches."""


class DiscoveryStore:
    """Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._state = retrying(state)
        self._kept: dict[tuple[str, date], DiscoveryPlan] = {}
        # Ticks are handled in threads, and two that forget the oldest plan at once would mean the same one.
        self._lock = threading.Lock()

    def known(self, workflow: str, day: date) -> DiscoveryPlan | None:
        """Return the plan that was made for a day; None when none was, or when it cannot be read."""
        if (kept := self._kept.get((workflow, day))) is not None:
            return kept
        name = names.discovery_plan(workflow, day)
        # Absence is not kept: the plan may be written by another process at any moment.
        plan = read_stored(DiscoveryPlan, name, self._state.get(name))
        if plan is not None:
            self._keep(plan)
        return plan

    def remember(self, plan: DiscoveryPlan) -> DiscoveryPlan:
        """Write a plan down, and return the one that counts: the first for its workflow and day.

        Two processes that plan at once may have read different rows; what is decided must follow one plan.
        """
        name = names.discovery_plan(plan.workflow, plan.day)
        if self._state.create(name, plan.model_dump_json().encode(), content_type="application/json"):
            self._keep(plan)
            return plan
        first = self.known(plan.workflow, plan.day)
        if first is None:
            # What is there cannot be read, and is not replaced, as it may explain what was decided. The same rows give
            # the same plan again, so this process keeps to the one that it made.
            self._keep(plan)
        return first or plan

    def _keep(self, plan: DiscoveryPlan) -> None:
        with self._lock:
            self._kept[plan.workflow, plan.day] = plan
            # Plans are read for three days around now, so the oldest are never asked for again.
            while len(self._kept) > _KEPT:
                del self._kept[next(iter(self._kept))]
