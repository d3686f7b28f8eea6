"""Tests of the dependencies that the controller's handlers share."""

from concurrent.futures import ThreadPoolExecutor

from tests.support.threads import MeetingDict
from tipoff_controller.deps import Once

KEYS = [str(number) for number in range(1_000)]
"""As many keys as `Once` remembers."""


def test_the_newest_thousand_keys_are_remembered() -> None:
    once = Once()
    for key in (*KEYS, "new"):
        once.add(key)
    assert ("0" in once, "1" in once, "new" in once) == (False, True, True)


def test_concurrent_additions_evict_two_oldest_keys() -> None:
    once = Once()
    once._seen = MeetingDict(dict.fromkeys(KEYS))
    with ThreadPoolExecutor(2) as threads:
        for added in [threads.submit(once.add, key) for key in ("new", "newer")]:
            added.result()
    assert [key for key in (*KEYS, "new", "newer") if key not in once] == ["0", "1"]
