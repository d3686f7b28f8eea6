"""Editions of a list that hardly shrinks: how much of the one before is gone."""

from collections.abc import Collection, Hashable


def lost_share(previous: Collection[Hashable], present: Collection[Hashable], what: str, most: float) -> str:
    """Say how many of `previous` are gone from `present`; blank when it is a share of at most `most`."""
    # As sets: a row that stands twice in one edition and once in the next is not gone.
    before = set(previous)
    gone = len(before - set(present))
    # What is new is no loss, so a list may change and grow at once.
    if gone <= most * len(before):
        return ""
    return (
        f"{gone} of the {len(before)} {what} of the edition before are gone; at most {most:.0%} are expected"
    )
