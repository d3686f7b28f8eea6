"""The fake provider: what it knows when planning, and what it refuses."""

import copy
from typing import Any

import pytest

from tipoff_cli.checkout import REPOSITORY
from tipoff_dev.checks.terraform.__main__ import examples
from tipoff_dev.checks.terraform.provider.planning import applied, planned, read
from tipoff_dev.checks.terraform.provider.schema import UNKNOWN, Block, Unknown, faults, load_schema

SCHEMA = load_schema()
SUBSCRIPTION: Block = SCHEMA["resources"]["google_pubsub_subscription"]["block"]


def empty(block: Block) -> dict[str, Any]:
    """A configuration in which nothing is set, as Terraform hands it over."""
    attributes: dict[str, Any] = dict.fromkeys(block["attributes"])
    return attributes | {name: [] for name in block.get("block_types", {})}


def subscription(**values: Any) -> dict[str, Any]:
    return {**empty(SUBSCRIPTION), "name": "s", "topic": "t", **values}


def said(**values: Any) -> list[str]:
    return [
        fault.summary for fault in faults("google_pubsub_subscription", subscription(**values), SUBSCRIPTION)
    ]


def test_a_good_configuration_is_taken() -> None:
    retry = [{"minimum_backoff": "10s", "maximum_backoff": "600s"}]
    assert said(ack_deadline_seconds=600, retry_policy=retry, filter=UNKNOWN) == []


@pytest.mark.parametrize(
    ("values", "summary"),
    [
        ({"ack_deadline_seconds": 601}, "ack_deadline_seconds is out of range"),
        ({"retry_policy": [{"minimum_backoff": "10"}]}, "retry_policy.minimum_backoff is no duration"),
        ({"retry_policy": [{"maximum_backoff": "601s"}]}, "retry_policy.maximum_backoff is out of range"),
        (
            {"dead_letter_policy": [{"max_delivery_attempts": 4}]},
            "dead_letter_policy.max_delivery_attempts is out of range",
        ),
    ],
)
def test_what_the_api_would_refuse_is_refused(values: dict[str, Any], summary: str) -> None:
    assert said(**values) == [summary]


def test_a_value_that_is_not_among_the_documented_ones_is_refused() -> None:
    block = SCHEMA["resources"]["google_cloud_run_v2_service"]["block"]
    (fault,) = faults("google_cloud_run_v2_service", {**empty(block), "ingress": "EVERYBODY"}, block)
    assert fault.path == ("ingress",)
    assert "INGRESS_TRAFFIC_INTERNAL_ONLY" in fault.detail


@pytest.mark.parametrize("resource", SCHEMA["resources"])
def test_what_is_computed_is_unknown_until_it_is_applied(resource: str) -> None:
    block = SCHEMA["resources"][resource]["block"]
    plan = planned(resource, empty(block), block)
    computed = {name for name, it in block["attributes"].items() if it.get("computed")}
    assert {name for name, value in plan.items() if isinstance(value, Unknown)} == computed
    state = applied(resource, copy.copy(plan), block)
    assert not any(isinstance(value, Unknown) for value in state.values())


def test_a_service_account_is_known_by_name_when_planning() -> None:
    block = SCHEMA["resources"]["google_service_account"]["block"]
    plan = planned("google_service_account", {**empty(block), "account_id": "a", "project": "p"}, block)
    assert plan["member"] == "serviceAccount:a@p.iam.gserviceaccount.com"


def test_a_project_has_a_number() -> None:
    block = SCHEMA["data_sources"]["google_project"]["block"]
    assert read("google_project", {**empty(block), "project_id": "p"}, block)["number"].isdecimal()


def test_every_example_is_found_with_its_line() -> None:
    found = dict(examples(REPOSITORY / "infra/terraform"))
    assert {where.partition("/README")[0] for where in found} == {
        f"modules/{path.name}" for path in (REPOSITORY / "infra/terraform/modules").iterdir()
    }
    assert all('source = "../modules/' in text for text in found.values())
