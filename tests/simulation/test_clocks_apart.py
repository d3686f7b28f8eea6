"""Two instances with clocks six minutes apart, and every message delivered twice at once: every law holds.

Drawn faults rarely combine the three; a lease that each instance checked by its own clock failed only then.
"""

import pytest

from tests.simulation.checker import check
from tests.simulation.faults import HOUR, Fault, Kind
from tests.simulation.fleet import Shape
from tests.simulation.services import SERVICES
from tests.simulation.world import DURATION, simulate
from tests.support.examples import examples

pytestmark = pytest.mark.usefixtures("quiet")
MINUTES = 180.0


@pytest.mark.parametrize("service", SERVICES)
def test_every_law_holds_with_clocks_six_minutes_apart(service: str) -> None:
    faults = (
        Fault(0, Kind.SKEW, 0.0, DURATION, f"{service}-0", size=-MINUTES),
        Fault(1, Kind.SKEW, 0.0, DURATION, f"{service}-1", size=MINUTES),
        Fault(2, Kind.DUPLICATE, 0.0, 4 * HOUR),
        Fault(3, Kind.SOURCE_BLOCKS, 0.0, HOUR / 2),
        Fault(4, Kind.PHASE2_DROPS, 0.0, 2.5 * HOUR, share=0.5),
    )
    breaches = {seed: check(simulate(seed, faults).log) for seed in range(examples(6))}
    assert not {seed: found[0] for seed, found in breaches.items() if found}


def test_cleanup_with_slow_clock_heals_lost_files() -> None:
    """The cleanup with the slow clock receives all ticks, and Phase 2 drops the landed files."""
    faults = (
        Fault(0, Kind.SKEW, 0.0, DURATION, "cleanup-0", size=-MINUTES),
        Fault(1, Kind.PHASE2_DROPS, 0.0, 2.5 * HOUR),
    )
    assert not check(simulate(3, faults, shape=Shape(instances=1)).log)
