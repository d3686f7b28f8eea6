"""Remaining time of a lease in the bucket, by the bucket's own clock."""

from datetime import timedelta

from tipoff_common.ports import Objects


def measure_lease(objects: Objects, name: str, lease: timedelta) -> timedelta:
    """Write `<name>.asked` to read the bucket's clock, and return the remaining time of the lease.

    The lease began when its object was written. Returns zero when it has expired or its object is gone. The clocks of
    two processes may be minutes apart: by its own clock, a process could take over a lease that is still held.

    Raises:
        Unavailable: the remaining time is unknown, so the caller must not take over.
    """
    claim = objects.info(name)
    marker = f"{name}.asked"
    objects.put(marker, b"", content_type="text/plain")
    now = objects.info(marker)
    if claim is None or now is None:
        return timedelta(0)
    return max(timedelta(0), lease - (now.updated - claim.updated))
