"""Tests of the fake provider: values known at plan time, refusals."""

import copy
from typing import Any

import pytest

from tipoff_cli.checkout import REPOSITORY
from tipoff_dev.checks.terraform.__main__ import examples
from tipoff_dev.checks.terraform.provider.answers import (
    SCHEMA,
    UNKNOWN,
    Block,
    applied,
    faults,
    planned,
    read,
    replacing,
)

SUBSCRIPTION: Block = SCHEMA["resources"]["google_pubsub_subscription"]["block"]


def empty(block: Block) -> dict[str, Any]:
    """Return a configuration without any value, in Terraform's form."""
    attributes: dict[str, Any] = dict.fromkeys(block["attributes"])
    return attributes | {name: [] for name in block.get("block_types", {})}


def faults_in(**values: Any) -> list[str]:
    return list(faults(SUBSCRIPTION, {**empty(SUBSCRIPTION), "name": "s", "topic": "t", **values}))


def test_valid_configuration_is_accepted() -> None:
    retry = [{"minimum_backoff": "10s", "maximum_backoff": "600s"}]
    assert faults_in(ack_deadline_seconds=600, retry_policy=retry, filter=UNKNOWN) == []


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"ack_deadline_seconds": 601}, "ack_deadline_seconds is out of range: 601; must be 10 to 600"),
        (
            {"retry_policy": [{"minimum_backoff": "10"}]},
            "retry_policy.minimum_backoff is not a valid duration: '10'; write seconds, such as \"600s\"",
        ),
        (
            {"retry_policy": [{"maximum_backoff": "601s"}]},
            "retry_policy.maximum_backoff is out of range: 601s; must be 0 to 600",
        ),
        (
            {"dead_letter_policy": [{"max_delivery_attempts": 4}]},
            "dead_letter_policy.max_delivery_attempts is out of range: 4; must be 5 to 100",
        ),
    ],
)
def test_value_that_the_api_would_refuse_is_refused(values: dict[str, Any], fault: str) -> None:
    assert faults_in(**values) == [fault]


def test_undocumented_value_is_refused() -> None:
    block = SCHEMA["resources"]["google_cloud_run_v2_service"]["block"]
    (fault,) = faults(block, {**empty(block), "ingress": "EVERYBODY"})
    assert fault.startswith("ingress cannot be 'EVERYBODY'; possible values: ")
    assert "INGRESS_TRAFFIC_INTERNAL_ONLY" in fault


@pytest.mark.parametrize("resource", SCHEMA["resources"])
def test_computed_attribute_is_unknown_until_apply(resource: str) -> None:
    block = SCHEMA["resources"][resource]["block"]
    plan = planned(resource, empty(block))
    computed = {name for name, it in block["attributes"].items() if it.get("computed")}
    assert {name for name, value in plan.items() if value is UNKNOWN} == computed
    state = applied(resource, copy.copy(plan))
    assert UNKNOWN not in state.values()


@pytest.mark.parametrize(
    ("resource", "changed", "anew"),
    [
        ("google_pubsub_subscription", "filter", ["filter"]),
        ("google_pubsub_subscription", "ack_deadline_seconds", []),
        ("google_compute_managed_ssl_certificate", "managed", ["managed"]),  # a block
        ("google_pubsub_topic_iam_member", "role", ["role"]),  # every attribute of a grant
    ],
)
def test_change_of_immutable_attribute_replaces_the_resource(
    resource: str, changed: str, anew: list[str]
) -> None:
    before = empty(SCHEMA["resources"][resource]["block"])
    assert replacing(resource, before, {**before, changed: "another"}) == anew


def test_service_account_member_is_available_at_plan_time() -> None:
    block = SCHEMA["resources"]["google_service_account"]["block"]
    plan = planned("google_service_account", {**empty(block), "account_id": "a", "project": "p"})
    assert plan["member"] == "serviceAccount:a@p.iam.gserviceaccount.com"


def test_a_project_has_a_number() -> None:
    block = SCHEMA["data_sources"]["google_project"]["block"]
    assert read("google_project", {**empty(block), "project_id": "p"})["number"].isdecimal()


def test_terraform_manages_no_tables() -> None:
    """Terraform drops a column that a file no longer has; `tipoff tables deploy` only adds."""
    assert SCHEMA["resources"].keys().isdisjoint({"google_bigquery_table", "google_bigquery_routine"})


def test_every_example_is_found_with_its_line() -> None:
    found = dict(examples(REPOSITORY / "infra/terraform"))
    assert {where.partition("/README")[0] for where in found} == {
        f"modules/{path.name}" for path in (REPOSITORY / "infra/terraform/modules").iterdir()
    }
    assert all('source = "../modules/' in text for text in found.values())
