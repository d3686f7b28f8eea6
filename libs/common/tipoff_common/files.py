"""Files of records in the data bucket: their names, and what their metadata says.

The runner writes them at `<output of the scraper>/<first 16 digits of the content's SHA-256>.json`. Names are made of a
few characters only, so that a path which somebody else chose is told from one of ours by looking at it.
"""

import re

FETCHED_AT = "fetched-at"
"""When the source gave the data."""
EXECUTION_ID = "execution-id"
REQUEST = "request"
"""The request, as JSON, with the declared parameters only."""
FAN_OUT = "fan-out-keys"
"""The execution's `fan_out_keys`, as JSON."""

_LONGEST = 1024
"""Bytes of an object's name, by Cloud Storage's limit."""
_SEGMENT = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def object_name(gcs_path: str, bucket: str) -> str | None:
    """The object in `bucket` that a path names; None when it is no path that a runner writes to: in another bucket,
    with segments that are empty, of dots alone or of other characters than letters, digits, "_", "." and "-"."""
    prefix = f"gs://{bucket}/"
    name = gcs_path.removeprefix(prefix)
    if not gcs_path.startswith(prefix):
        return None
    if len(name) > _LONGEST:
        return None
    return name if all(map(is_segment, name.split("/"))) else None


def is_segment(text: str) -> bool:
    """Whether `text` may be one part of a name: letters, digits, "_", "." and "-", and not dots alone."""
    return _SEGMENT.fullmatch(text) is not None and bool(text.strip("."))
