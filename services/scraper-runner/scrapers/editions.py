"""Editions of a list that hardly shrinks: the loss against the previous edition."""

from collections.abc import Collection, Hashable


def lost_share(previous: Collection[Hashable], present: Collection[Hashable], items: str, most: float) -> str:
    """Describe how many of `previous` are gone from `present`; blank when the share is at most `most`."""
    # As sets: a row that is twice in one edition and once in the next is not gone.
    before = set(previous)
    lost = len(before - set(present))
    # New rows do not count against lost ones, so a list may change and grow at once.
    if lost <= most * len(before):
        return ""
    return f"{lost} of the {len(before)} {items} of the previous edition are missing; at most {most:.0%} are expected"
