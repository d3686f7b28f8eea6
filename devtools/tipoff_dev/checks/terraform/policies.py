"""Policies for valid plans; each policy is a function from a plan to findings.

Policies read planned values, so they cannot see a reference by an attribute that is known only after an apply.
infra/terraform therefore refers to topics, identities and services by attributes that are known in a plan.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tipoff_dev.checks.terraform.plans import Resource, TerraformPlan, environment

_PROJECT_ROLES = frozenset(
    {
        "roles/bigquery.jobUser",  # a job belongs to the project
        "roles/logging.logWriter",  # a log belongs to the project, too
        "roles/monitoring.notificationServiceAgent",  # for Monitoring's service agent, as Google grants it elsewhere
        "roles/run.serviceAgent",  # the agent of Cloud Run, likewise
        "tipoffDeployer",  # creates missing resources
        "tipoffPlanner",
        "tipoffDeployerBuckets",  # with a condition only
    }
)
_ROLES = frozenset(
    {
        "roles/artifactregistry.reader",
        "roles/artifactregistry.writer",
        "roles/bigquery.dataViewer",
        "roles/iam.serviceAccountOpenIdTokenCreator",
        "roles/iam.serviceAccountUser",
        "roles/iam.workloadIdentityUser",
        "roles/iap.httpsResourceAccessor",
        "roles/pubsub.publisher",
        "roles/pubsub.subscriber",
        "roles/run.invoker",
        "roles/secretmanager.secretAccessor",
        "roles/storage.bucketViewer",
        "roles/storage.objectCreator",
        "roles/storage.objectUser",
        "roles/storage.objectViewer",
        "tipoffObjectAnnotator",
        "tipoffRowAppender",  # BigQuery's own editor drops tables and changes their columns
        "tipoffTopicFinder",  # Pub/Sub's own viewer reads settings that no service needs
    }
)
"""The roles that may be granted on the whole project, and on resources; Tipoff's own roles by their bare name."""
_ARCHIVE_ROLES = ("roles/storage.bucketViewer", "roles/storage.objectViewer", "roles/storage.objectCreator")


@dataclass(frozen=True)
class Violation:
    """A resource that breaks a policy, and what to do about it."""

    policy: str
    address: str
    message: str

    def __str__(self) -> str:
        return f"{self.address}: {self.message} [{self.policy}]"


Policy = Callable[[TerraformPlan], Iterator[tuple[Resource, str]]]
_OWN_ROLE = re.compile(r"projects/[^/]+/roles/(\w+)")


def roles_are_the_smallest(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find grants of roles that are not listed here: otherwise permissions grow unnoticed."""
    for grant in plan.resources:
        if not grant.type.endswith("_iam_member"):
            continue
        role = _OWN_ROLE.sub(r"\1", grant.values["role"])
        if role not in (_PROJECT_ROLES if grant.type == "google_project_iam_member" else _ROLES):
            yield (
                grant,
                f"{role} is not allowed here; use a smaller role, or list it in policies.py with its reason",
            )
        elif role == "tipoffDeployerBuckets" and not grant.values.get("condition"):
            yield grant, f"{role} opens every bucket of the project; restrict it by a condition"


def pushes_are_authenticated(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find pushes that their service would refuse, and pushes without a token."""
    for push in _pushes(plan):
        config = push.block("push_config")
        token = (config.get("oidc_token") or [{}])[0]
        if not token.get("service_account_email"):
            yield push, "pushes without a token; set oidc_token"
            continue
        service = _pushed_service(plan, push)
        if service is None:
            yield push, f"no planned service is at {config['push_endpoint']}"
            continue
        if token.get("audience") != environment(service).get("TIPOFF_AUDIENCE"):
            yield push, "the token's audience differs from the service's TIPOFF_AUDIENCE"
        if token["service_account_email"] != environment(service).get("TIPOFF_PUSH_SERVICE_ACCOUNT"):
            yield push, "pushes as another account than the service's TIPOFF_PUSH_SERVICE_ACCOUNT"
        member = f"serviceAccount:{token['service_account_email']}"
        if member not in plan.grants(
            "cloud_run_v2_service", "roles/run.invoker", name=service.values["name"]
        ):
            yield push, f"{member} may not call {service.values['name']}"


def dead_letters_are_kept(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find pushes whose dead letters would be lost.

    Subscriptions of the dead-letter topics need no dead-letter policy: they retry.
    """
    last = {it.block("dead_letter_policy").get("dead_letter_topic") for it in _pushes(plan)} - {None}
    for push in _pushes(plan):
        topic = push.block("dead_letter_policy").get("dead_letter_topic")
        if not topic:
            if push.values["topic"] not in last:
                yield push, "has no dead_letter_policy"
            continue
        if not any(other.values["topic"] == topic for other in plan.of("pubsub_subscription")):
            yield push, "its dead-letter topic has no subscription: messages sent there are lost"
        name = topic.rpartition("/")[2]
        if not _agents(plan.grants("pubsub_topic", "roles/pubsub.publisher", topic=name)):
            yield push, "Pub/Sub's agent may not publish to the dead-letter topic"
        subscription = push.values["name"]
        if not _agents(
            plan.grants("pubsub_subscription", "roles/pubsub.subscriber", subscription=subscription)
        ):
            yield push, "Pub/Sub's agent may not take messages out of the subscription"


def pushes_outlast_the_service(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find ack deadlines below the service's timeout: Pub/Sub would push a message again during its handling."""
    for push in _pushes(plan):
        service = _pushed_service(plan, push)
        if service is not None:
            timeout = float(service.block("template")["timeout"].rstrip("s"))
            if push.values["ack_deadline_seconds"] < timeout:
                yield push, f"pushes again while {service.values['name']} may still handle ({timeout:.0f} s)"


def identities_are_there(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find accounts that services or pushes use but bootstrap does not create, and services that share an account."""
    made = {it.values["email"] for it in plan.of("service_account")}
    seen = set[object]()
    for service in plan.of("cloud_run_v2_service"):
        account = service.block("template").get("service_account")
        if account not in made:
            yield service, f"runs as {account or 'the default account'}, which bootstrap does not create"
        elif account in seen:
            yield service, f"shares {account} with another service"
        seen.add(account)
    for push in _pushes(plan):
        for token in push.block("push_config").get("oidc_token") or ():
            if token["service_account_email"] not in made:
                yield push, f"pushes as {token['service_account_email']}, which bootstrap does not create"


def cloud_run_asks_who_calls(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find services that Cloud Run opens to every caller: they trust claims that only Cloud Run verifies."""
    for service in plan.of("cloud_run_v2_service"):
        if service.values.get("invoker_iam_disabled"):
            yield service, "admits every caller; unset invoker_iam_disabled"


def secrets_can_be_read(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find secrets that a service uses but may not read."""
    for service in plan.of("cloud_run_v2_service"):
        member = f"serviceAccount:{service.block('template').get('service_account')}"
        for name, value in environment(service).items():
            granted = plan.grants(
                "secret_manager_secret", "roles/secretmanager.secretAccessor", secret_id=name
            )
            if value is None and member not in granted:
                yield service, f"may not read the secret {name}"


def memories_are_apart(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find services without a state bucket of their own, granted without a condition.

    A grant with a condition on a prefix does not permit listing during the read of an object. Without that permission
    Cloud Storage answers 403 in place of 404 for a missing object: absence would look like a permanent outage.
    """
    for service in plan.of("cloud_run_v2_service"):
        member = f"serviceAccount:{service.block('template').get('service_account')}"
        bucket = environment(service).get("TIPOFF_STATE_BUCKET")
        grants = [it for it in plan.of("storage_bucket_iam_member") if it.values.get("bucket") == bucket]
        if not any(
            it.values["member"] == member and it.values["role"] == "roles/storage.objectUser" for it in grants
        ):
            yield service, f"may not read, write and list its state bucket {bucket}"
        for grant in grants:
            if grant.values["member"] != member:
                yield grant, f"{grant.values['member']} reaches the state of {service.values['name']}"
            if grant.block("condition"):
                yield grant, "has a condition, so that a missing object is 403 and not 404"


def the_archive_only_grows(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find archives without versioning, and grants to replace or delete archived data, which no table has any more."""
    for bucket in plan.of("storage_bucket"):
        if bucket.values["name"].endswith("-tipoff-archive") and not bucket.block("versioning").get(
            "enabled"
        ):
            yield bucket, "keeps no version of replaced objects; set versioning"
    for grant in plan.of("storage_bucket_iam_member"):
        if (
            str(grant.values.get("bucket")).endswith("-tipoff-archive")
            and grant.values["role"] not in _ARCHIVE_ROLES
        ):
            yield grant, f"{grant.values['role']} may replace and delete; use roles/storage.objectCreator"


POLICIES: tuple[Policy, ...] = (
    roles_are_the_smallest,
    pushes_are_authenticated,
    dead_letters_are_kept,
    pushes_outlast_the_service,
    identities_are_there,
    cloud_run_asks_who_calls,
    secrets_can_be_read,
    memories_are_apart,
    the_archive_only_grows,
)


def findings(plan: TerraformPlan) -> list[Violation]:
    """Check a plan against every policy."""
    return [
        Violation(policy.__name__, resource.address, message)
        for policy in POLICIES
        for resource, message in policy(plan)
    ]


def _pushes(plan: TerraformPlan) -> Iterator[Resource]:
    return (it for it in plan.of("pubsub_subscription") if it.values.get("push_config"))


def _pushed_service(plan: TerraformPlan, push: Resource) -> Resource | None:
    """Return the planned service at the push's endpoint, which is the service's audience plus a path."""
    endpoint = push.block("push_config")["push_endpoint"]
    for service in plan.of("cloud_run_v2_service"):
        if endpoint.rpartition("/")[0] == environment(service).get("TIPOFF_AUDIENCE"):
            return service
    return None


def _agents(members: set[str]) -> bool:
    return any(member.endswith("@gcp-sa-pubsub.iam.gserviceaccount.com") for member in members)
