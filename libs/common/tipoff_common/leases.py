"""Remaining time of a lease in the bucket, by the bucket's own clock."""

from datetime import timedelta

from tipoff_common.ports import Objects


def measure_lease(objects: Objects, name: str, lease: timedelta) -> timedelta:
    """Write `<name>.asked` to read the bucket's clock, and return what is left of the lease.

    It began when its object was written; zero when it is over or gone. The clocks of two processes may be minutes
    apart, and whoever judged the other's lease by its own clock would take over from a holder that is at work.

    Raises:
        Unavailable: it cannot be known, so nobody takes over.
    """
    held = objects.info(name)
    asked = f"{name}.asked"
    objects.put(asked, b"", content_type="text/plain")
    now = objects.info(asked)
    if held is None or now is None:
        return timedelta(0)
    return max(timedelta(0), lease - (now.updated - held.updated))
