"""Tests of leases: the bucket's clock decides when a lease ends, whatever the callers' clocks."""

from datetime import timedelta

import pytest

from tipoff_common.leases import measure_lease
from tipoff_common.ports import Unavailable
from tipoff_common.testing import MemoryObjects

LEASE = timedelta(seconds=90)


def test_lease_runs_from_object_write_time() -> None:
    objects = MemoryObjects()
    objects.create("claim", b"")
    assert measure_lease(objects, "claim", LEASE) == LEASE
    objects.now += timedelta(seconds=60)
    assert measure_lease(objects, "claim", LEASE) == timedelta(seconds=30)
    objects.now += timedelta(days=1)
    assert measure_lease(objects, "claim", LEASE) == timedelta(0)


def test_missing_claim_has_no_lease_left() -> None:
    assert measure_lease(MemoryObjects(), "claim", LEASE) == timedelta(0)


def test_bucket_outage_does_not_end_a_lease() -> None:
    with pytest.raises(Unavailable):
        measure_lease(MemoryObjects(down=True), "claim", LEASE)
