"""Tests of leases: the bucket's clock decides when a lease ends, whatever the callers' clocks."""

from datetime import timedelta

import pytest

from tipoff_common.leases import measure_lease
from tipoff_common.ports import Unavailable
from tipoff_common.testing import MemoryObjects

LEASE = timedelta(seconds=90)


def test_a_lease_lasts_from_when_its_object_was_written() -> None:
    objects = MemoryObjects()
    objects.create("claim", b"")
    assert measure_lease(objects, "claim", LEASE) == LEASE
    objects.now += timedelta(seconds=60)
    assert measure_lease(objects, "claim", LEASE) == timedelta(seconds=30)
    objects.now += timedelta(days=1)
    assert measure_lease(objects, "claim", LEASE) == timedelta(0)


def test_nothing_is_left_of_a_claim_that_is_gone() -> None:
    assert measure_lease(MemoryObjects(), "claim", LEASE) == timedelta(0)


def test_a_bucket_that_is_down_ends_no_lease() -> None:
    with pytest.raises(Unavailable):
        measure_lease(MemoryObjects(down=True), "claim", LEASE)
