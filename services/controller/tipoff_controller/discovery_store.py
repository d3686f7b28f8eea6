"""The plans of searches that learn, in the state bucket: the first one written per workflow and day."""

import threading
from datetime import date

from tipoff_common.ports import Objects
from tipoff_common.retrying_objects import retrying
from tipoff_common.stored import read_stored
from tipoff_controller import names
from tipoff_planning.discovery.plans import DiscoveryPlan

_CACHE_SIZE = 500
"""Maximum number of cached plans of a few kB each: three days of over a hundred searches."""


class DiscoveryStore:
    """The stored plans, with a cache in this process. Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._state = retrying(state)
        self._cache: dict[tuple[str, date], DiscoveryPlan] = {}
        # Ticks run in threads: without the lock, two of them could delete the same oldest plan.
        self._lock = threading.Lock()

    def get(self, workflow: str, day: date) -> DiscoveryPlan | None:
        """Return the plan of a workflow for a day; None when there is none or it cannot be read."""
        if (cached := self._cache.get((workflow, day))) is not None:
            return cached
        name = names.discovery_plan(workflow, day)
        # Absence is not cached: another process may write the plan at any moment.
        plan = read_stored(DiscoveryPlan, name, self._state.get(name))
        if plan is not None:
            self._keep(plan)
        return plan

    def remember(self, plan: DiscoveryPlan) -> DiscoveryPlan:
        """Write a plan unless its workflow and day have one; return the first plan, which counts.

        Two processes that plan at once may have read different rows; all decisions must follow one plan.
        """
        name = names.discovery_plan(plan.workflow, plan.day)
        if self._state.create(name, plan.model_dump_json().encode(), content_type="application/json"):
            self._keep(plan)
            return plan
        first = self.get(plan.workflow, plan.day)
        if first is None:
            # Keep the unreadable plan: it may explain earlier decisions. The same rows give the same plan again, so
            # this process uses its own.
            self._keep(plan)
        return first or plan

    def _keep(self, plan: DiscoveryPlan) -> None:
        with self._lock:
            self._cache[plan.workflow, plan.day] = plan
            # Plans are read for the days around now only, so the oldest are never read again.
            while len(self._cache) > _CACHE_SIZE:
                del self._cache[next(iter(self._cache))]
