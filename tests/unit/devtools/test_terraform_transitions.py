"""Tests of transitions: the changes of a plan against the declared ones."""

from typing import Any

import pytest

from tipoff_dev.checks.terraform.transitions import Transition, differing, load_transitions, merged


def plan(*changes: tuple[str, str]) -> dict[str, Any]:
    """Return a plan of (address, actions) pairs."""
    return {
        "resource_changes": [
            {"address": address, "type": address.split(".")[0], "change": {"actions": actions.split()}}
            for address, actions in changes
        ]
    }


GROWS = Transition(name="it grows", root="platform", created=("google_pubsub_topic.new*",))


def test_declared_change_is_no_fault() -> None:
    tried = plan(
        ("google_pubsub_topic.new[0]", "create"),
        ("google_pubsub_topic.old", "no-op"),
        ("terraform_data.applied_for", "update"),
    )
    assert list(differing(GROWS, tried)) == []


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        (
            [("google_pubsub_topic.new", "create"), ("google_pubsub_topic.old", "delete create")],
            ["delete and create of google_pubsub_topic.old"],
        ),
        (
            [("google_pubsub_topic.new", "update")],
            ["update of google_pubsub_topic.new", "no create of google_pubsub_topic.new*"],
        ),
        ([], ["no create of google_pubsub_topic.new*"]),
    ],
)
def test_undeclared_and_missing_changes_are_faults(changes: list[tuple[str, str]], faults: list[str]) -> None:
    assert list(differing(GROWS, plan(*changes))) == faults


def test_each_root_has_a_transition_without_changes() -> None:
    assert {it.root for it in load_transitions() if it.name == "nothing changed"} == {"bootstrap", "platform"}


def test_patch_is_merged_into_the_existing_values() -> None:
    before = {"kept": 1, "gone": 2, "inner": {"kept": [1, 2], "set": 3}, "list": [1, 2]}
    after = {"kept": 1, "inner": {"kept": [1, 2], "set": 4, "new": {"deep": 5}}, "list": [3]}
    patch = {"gone": None, "never": None, "inner": {"set": 4, "new": {"deep": 5, "off": None}}, "list": [3]}
    assert merged(before, patch) == after
    assert before["inner"] == {"kept": [1, 2], "set": 3}
