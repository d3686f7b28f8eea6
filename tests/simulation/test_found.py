"""What seeds have found, shrunk to the faults that matter: each broke the law named beside it, and must not again."""

import pytest

from tests.simulation.faults import Fault, Kind
from tests.simulation.shrinking import laws_broken

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize(
    ("seed", "faults"),
    [
        pytest.param(
            544,
            (Fault(2, Kind.LOST_DELIVERY, 12027.8, 13827.8, share=0.6),),
            id="no_id_with_two_contents: cleanup adopts a file that its runner has announced",
        ),
        pytest.param(
            959,
            (
                Fault(2, Kind.ERROR_BEFORE, 11707.6, 14707.6, "source"),
                Fault(5, Kind.PARTIAL, 11236.8, 14236.8, "bus"),
            ),
            id="nothing_is_invented: a retry that became due was written down and never sent",
        ),
    ],
)
def test_what_was_found_once_is_not_found_again(seed: int, faults: tuple[Fault, ...]) -> None:
    assert laws_broken(seed, faults) == set()
