"""Tests of the plan policies: a plan that satisfies all of them, broken in one way at a time."""

from collections.abc import Callable
from copy import deepcopy
from importlib import import_module
from typing import Any

import pytest

from tipoff_dev.checks.terraform.plans import TerraformPlan
from tipoff_dev.checks.terraform.policies import POLICIES, findings
from tipoff_dev.checks.terraform.service_settings import settings_faults, tick_faults
from tipoff_dev.generate.settings_reference import SERVICES

URI = "https://cleanup-1.us-central1.run.app"
ACCOUNT = "tipoff-cleanup@p.iam.gserviceaccount.com"
PUSH = "tipoff-cleanup-push@p.iam.gserviceaccount.com"
AGENT = "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com"
DEAD = "projects/p/topics/dead-letters"
Document = dict[str, dict[str, Any]]


def good() -> Document:
    """Return the values of a valid plan by address."""
    pushing: dict[str, Any] = {
        "push_config": [
            {
                "push_endpoint": f"{URI}/events",
                "oidc_token": [{"audience": URI, "service_account_email": PUSH}],
            }
        ],
        "retry_policy": [{"minimum_backoff": "10s", "maximum_backoff": "600s"}],
        "expiration_policy": [{"ttl": ""}],
        "ack_deadline_seconds": 300,
        "dead_letter_policy": [{"dead_letter_topic": DEAD, "max_delivery_attempts": 100}],
    }
    environment = {
        "TIPOFF_AUDIENCE": URI,
        "TIPOFF_PUSH_SERVICE_ACCOUNT": PUSH,
        "TIPOFF_ENVIRONMENT": "prod",
        "TIPOFF_PROJECT": "p",
        "TIPOFF_DATA_BUCKET": "data",
        "TIPOFF_STATE_BUCKET": "state",
    }
    container = {
        "resources": [{"cpu_idle": True}],
        "startup_probe": [{"period_seconds": 2}],
        "liveness_probe": [{"period_seconds": 30}],
        "env": [
            *({"name": name, "value": value, "value_source": []} for name, value in environment.items()),
            {"name": "KEY", "value": "", "value_source": [{}]},
        ],
    }
    return {
        "google_pubsub_topic.ticks": {"project": "p", "name": "ticks"},
        "google_pubsub_subscription.cleanup": {
            "name": "cleanup-ticks",
            "topic": "projects/p/topics/ticks",
            **pushing,
        },
        "google_pubsub_subscription.dead": {
            "name": "dead",
            "topic": DEAD,
            "push_config": [],
        },
        "google_pubsub_topic_iam_member.agent": {
            "topic": "dead-letters",
            "role": "roles/pubsub.publisher",
            "member": AGENT,
        },
        "google_pubsub_subscription_iam_member.agent": {
            "subscription": "cleanup-ticks",
            "role": "roles/pubsub.subscriber",
            "member": AGENT,
        },
        "google_cloud_run_v2_service.cleanup": {
            "name": "cleanup",
            "ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY",
            "template": [
                {
                    "service_account": ACCOUNT,
                    "timeout": "300s",
                    "scaling": [{"max_instance_count": 1}],
                    "containers": [container],
                }
            ],
        },
        "google_cloud_run_v2_service_iam_member.push": {
            "name": "cleanup",
            "role": "roles/run.invoker",
            "member": f"serviceAccount:{PUSH}",
        },
        "google_secret_manager_secret_iam_member.key": {
            "secret_id": "KEY",
            "role": "roles/secretmanager.secretAccessor",
            "member": f"serviceAccount:{ACCOUNT}",
        },
        "google_service_account.cleanup": {"email": ACCOUNT},
        "google_service_account.push": {"email": PUSH},
        "google_project_iam_member.buckets": {
            "role": "projects/p/roles/tipoffDeployerBuckets",
            "member": "serviceAccount:tipoff-deploy@p.iam.gserviceaccount.com",
            "condition": [{"expression": 'resource.name.startsWith("projects/_/buckets/p-tipoff-")'}],
        },
        "google_project_iam_member.query": {
            "role": "roles/bigquery.jobUser",
            "member": f"serviceAccount:{ACCOUNT}",
        },
        "google_storage_bucket_iam_member.cleanup": {
            "bucket": "state",
            "role": "roles/storage.objectUser",
            "member": f"serviceAccount:{ACCOUNT}",
            "condition": [],
        },
        "google_cloud_scheduler_job.cleanup": {
            "schedule": "*/15 * * * *",
            "time_zone": "Etc/UTC",
            "pubsub_target": [
                {
                    "topic_name": "projects/p/topics/ticks",
                    "data": "eyJ0aWNrIjoiY2xlYW51cCIsImNhZGVuY2VfbWludXRlcyI6MTV9",
                    "attributes": {
                        "ce-type": "tipoff.tick.fired.v1",
                        "ce-source": "/tipoff/scheduler",
                        "ce-specversion": "1.0",
                        "content-type": "application/json",
                        "tick": "cleanup",
                    },
                }
            ],
        },
        "google_storage_bucket.archive": {"name": "p-tipoff-archive", "versioning": [{"enabled": True}]},
    }


def plan(document: Document) -> TerraformPlan:
    resources = [
        {"address": address, "type": address.partition(".")[0], "mode": "managed", "values": values}
        for address, values in document.items()
    ]
    nested = {"resources": resources[1:], "child_modules": []}
    return TerraformPlan.read(
        {"planned_values": {"root_module": {"resources": resources[:1], "child_modules": [nested]}}}
    )


def put(address: str, **values: Any) -> Callable[[Document], None]:
    return lambda document: document.setdefault(f"google_{address}", {}).update(values)


def drop(address: str) -> Callable[[Document], None]:
    return lambda document: document.pop(f"google_{address}") and None


def template(**values: Any) -> Callable[[Document], None]:
    return lambda document: document["google_cloud_run_v2_service.cleanup"]["template"][0].update(values)


def another_service(document: Document) -> None:
    document["google_cloud_run_v2_service.other"] = deepcopy(document["google_cloud_run_v2_service.cleanup"])


def another_reader_of_the_state(document: Document) -> None:
    grant = deepcopy(document["google_storage_bucket_iam_member.cleanup"])
    document["google_storage_bucket_iam_member.other"] = {**grant, "member": "serviceAccount:other"}


BROKEN: list[tuple[str, Callable[[Document], None]]] = [
    ("roles_are_the_smallest", put("project_iam_member.big", role="roles/pubsub.admin", member="user:a")),
    ("roles_are_the_smallest", put("project_iam_member.buckets", condition=[])),
    (
        "roles_are_the_smallest",
        put("bigquery_dataset_iam_member.writer", role="roles/bigquery.dataEditor", member="user:a"),
    ),
    (
        "roles_are_the_smallest",
        put("pubsub_topic_iam_member.viewer", role="roles/pubsub.viewer", member="user:a"),
    ),
    (
        "roles_are_the_smallest",
        put("service_account_iam_member.t", role="roles/iam.serviceAccountTokenCreator", member="user:a"),
    ),
    (
        "roles_are_the_smallest",
        put("billing_account_iam_member.a", role="roles/billing.viewer", member="user:a"),
    ),
    (
        "pushes_are_authenticated",
        put("pubsub_subscription.cleanup", push_config=[{"push_endpoint": f"{URI}/events"}]),
    ),
    ("pushes_are_authenticated", put("cloud_run_v2_service_iam_member.push", member="user:a")),
    ("dead_letters_are_kept", put("pubsub_subscription.cleanup", dead_letter_policy=[])),
    ("dead_letters_are_kept", drop("pubsub_subscription.dead")),
    ("dead_letters_are_kept", drop("pubsub_topic_iam_member.agent")),
    ("dead_letters_are_kept", drop("pubsub_subscription_iam_member.agent")),
    ("pushes_outlast_the_service", put("pubsub_subscription.cleanup", ack_deadline_seconds=60)),
    ("identities_are_there", template(service_account=None)),
    ("identities_are_there", another_service),
    ("identities_are_there", drop("service_account.cleanup")),
    ("identities_are_there", drop("service_account.push")),
    ("cloud_run_asks_who_calls", put("cloud_run_v2_service.cleanup", invoker_iam_disabled=True)),
    ("secrets_can_be_read", drop("secret_manager_secret_iam_member.key")),
    ("memories_are_apart", another_reader_of_the_state),
    ("memories_are_apart", drop("storage_bucket_iam_member.cleanup")),
    ("memories_are_apart", put("storage_bucket_iam_member.cleanup", condition=[{"expression": "x"}])),
    ("the_archive_only_grows", put("storage_bucket.archive", versioning=[{"enabled": False}])),
    (
        "the_archive_only_grows",
        put(
            "storage_bucket_iam_member.archive",
            bucket="p-tipoff-archive",
            role="roles/storage.objectUser",
            member="user:a",
        ),
    ),
]


def test_a_good_plan_has_no_findings() -> None:
    assert findings(plan(good())) == []


@pytest.mark.parametrize(("policy", "break_it"), BROKEN, ids=[f"{n}-{it[0]}" for n, it in enumerate(BROKEN)])
def test_broken_plan_violates_its_policy(policy: str, break_it: Callable[[Document], None]) -> None:
    document = good()
    break_it(document)
    assert policy in {finding.policy for finding in findings(plan(document))}


def test_every_policy_has_a_broken_plan() -> None:
    assert {policy.__name__ for policy in POLICIES} == {name for name, _ in BROKEN}


class TestBehaviour:
    def test_missing_or_unknown_setting_of_a_service_is_found(self) -> None:
        document = good()
        (container,) = document["google_cloud_run_v2_service.cleanup"]["template"][0]["containers"]
        assert list(settings_faults(plan(document))) == []
        container["env"] = [it for it in container["env"] if it["name"] != "TIPOFF_STATE_BUCKET"]
        container["env"].append({"name": "TIPOFF_STAET_BUCKET", "value": "state"})
        (fault,) = settings_faults(plan(document))
        assert "TIPOFF_STATE_BUCKET: missing" in fault
        assert "TIPOFF_STAET_BUCKET: unknown variable" in fault

    def test_service_without_settings_model_is_found_with_remedy(self) -> None:
        document = good()
        put("cloud_run_v2_service.cleanup", name="sweeper")(document)
        (fault,) = settings_faults(plan(document))
        assert "no settings model of sweeper" in fault
        name, module = fault.partition("add it to ")[2].split(" of ")
        assert getattr(import_module(module), name) == SERVICES

    def test_undecodable_or_contradictory_tick_is_found(self) -> None:
        document = good()
        assert list(tick_faults(plan(document))) == []
        target = document["google_cloud_scheduler_job.cleanup"]["pubsub_target"][0]
        target["attributes"]["tick"] = "evaluate"
        assert [fault.partition(": ")[2] for fault in tick_faults(plan(document))] == [
            "its attribute tick differs from its payload's"
        ]
        del target["attributes"]["ce-type"]
        assert ["undecodable" in fault for fault in tick_faults(plan(document))] == [True]

    def test_tick_matched_by_no_filter_is_found(self) -> None:
        document = good()
        document["google_pubsub_subscription.cleanup"]["filter"] = 'attributes.tick = "watch"'
        assert [fault.partition(": ")[2] for fault in tick_faults(plan(document))] == [
            "no subscription receives it"
        ]
