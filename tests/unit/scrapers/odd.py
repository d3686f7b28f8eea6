"""Assertion about the one odd item of a document."""

import re

from tipoff_scraper_runner.scraper import Parsed


def assert_set_aside(parsed: Parsed, complaint: str) -> None:
    """Assert that exactly one item is set aside, for a reason that matches `complaint`."""
    (reason,) = parsed.set_aside
    assert re.search(complaint, reason), reason
