"""What a plan must hold beyond being valid; each policy is one function from a plan to findings.

They read values, hence what a module names by an attribute that is known only after apply stays unseen; infra/terraform
therefore names topics, identities and services by what a plan knows.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tipoff_dev.checks.terraform.plans import Plan, Resource, environment

_BASIC_ROLES = ("roles/owner", "roles/editor", "roles/viewer")
_PROJECT_ROLES = (
    re.compile(r"roles/bigquery\.jobUser"),  # a job belongs to the project
    re.compile(r"roles/logging\.logWriter"),  # and so does a log
    re.compile(r"projects/[^/]+/roles/tipoff(Deployer|Planner)"),  # make, and look for, what is not there yet
)
_BECOMES_ANOTHER = re.compile(
    r"iam\.(serviceAccounts\.(create|setIamPolicy|actAs|get\w*Token|sign\w+|implicitDelegation)|serviceAccountKeys\.create)"
    r"|iam\.roles\.(create|update)|resourcemanager\.projects\.setIamPolicy|storage\.buckets\.setIamPolicy"
    r"|secretmanager\.(secrets\.setIamPolicy|versions\.access)"
)
_DAYS_90_MS = 90 * 24 * 3600 * 1000
_LOCAL_TIME = re.compile(r"\S+ ([\d,]+) ")
_EXACT_SUBJECT = re.compile(r'assertion\.sub == "[^"*]+"')


@dataclass(frozen=True)
class Finding:
    policy: str
    address: str
    message: str

    def __str__(self) -> str:
        return f"{self.address}: {self.message} [{self.policy}]"


@dataclass(frozen=True)
class Excuse:
    """A finding that is meant, with its reason. address: a shell pattern."""

    policy: str
    address: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        pattern = self.address.replace("[", "[[]")  # an address has brackets of its own
        return self.policy == finding.policy and fnmatchcase(finding.address, pattern)


Policy = Callable[[Plan], Iterator[tuple[Resource, str]]]


def grants_name_somebody(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for grant in _grants(plan):
        if grant.values.get("member") in ("allUsers", "allAuthenticatedUsers"):
            yield grant, "grants to everybody; name who may"


def grants_are_additive(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for resource in plan.resources:
        if resource.type.endswith(("_iam_binding", "_iam_policy")):
            yield resource, "revokes what others granted; use the _iam_member resource"


def roles_are_small(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for grant in _grants(plan):
        if grant.values["role"] in _BASIC_ROLES:
            yield grant, f"{grant.values['role']} is a basic role; take one of the service's own"


def project_grants_are_few(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for grant in plan.of("project_iam_member"):
        role = grant.values["role"]
        if not any(known.fullmatch(role) for known in _PROJECT_ROLES) and not grant.values.get("condition"):
            yield grant, f"{role} on the whole project; grant it on the resource"


def roles_do_not_grow(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """A role of our own with which its holder could make himself any account of the project, or read any secret."""
    for role in plan.of("project_iam_custom_role"):
        grants = [
            it
            for it in plan.of("project_iam_member")
            if it.values["role"].endswith(f"/roles/{role.values['role_id']}")
        ]
        if grants and all(it.values.get("condition") for it in grants):
            continue
        for permission in role.values["permissions"]:
            if _BECOMES_ANOTHER.fullmatch(permission):
                yield role, f"{permission} leads to every right in the project; grant it on the resource"


def there_are_no_keys(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for key in plan.of("service_account_key"):
        yield key, "a key can be lost; use federation or an attached identity"


def subscriptions_stay(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for subscription in plan.of("pubsub_subscription"):
        if subscription.values.get("expiration_policy") != [{"ttl": ""}]:
            yield subscription, 'is deleted after 31 idle days; set expiration_policy { ttl = "" }'


def pushes_are_authenticated(plan: Plan) -> Iterator[tuple[Resource, str]]:
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
            yield push, "the token's audience is not the one that the service is told"
        if token["service_account_email"] != environment(service).get("TIPOFF_PUSH_SERVICE_ACCOUNT"):
            yield push, "pushes as another account than the service is told"
        member = f"serviceAccount:{token['service_account_email']}"
        if member not in plan.grants(
            "cloud_run_v2_service", "roles/run.invoker", name=service.values["name"]
        ):
            yield push, f"{member} may not call {service.values['name']}"


def deliveries_back_off(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for push in _pushes(plan):
        retry = push.block("retry_policy")
        if not retry.get("minimum_backoff") or not retry.get("maximum_backoff"):
            yield push, "a failed message comes again at once; set retry_policy"


def dead_letters_are_kept(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for push in _pushes(plan):
        topic = push.block("dead_letter_policy").get("dead_letter_topic")
        if not topic:
            yield push, "has no dead_letter_policy"
            continue
        if not any(other.values["topic"] == topic for other in plan.of("pubsub_subscription")):
            yield push, "nobody subscribes to its dead-letter topic: what goes there is lost"
        name = topic.rpartition("/")[2]
        if not _agents(plan.grants("pubsub_topic", "roles/pubsub.publisher", topic=name)):
            yield push, "Pub/Sub's agent may not publish to the dead-letter topic"
        subscription = push.values["name"]
        if not _agents(
            plan.grants("pubsub_subscription", "roles/pubsub.subscriber", subscription=subscription)
        ):
            yield push, "Pub/Sub's agent may not take messages out of the subscription"


def pushes_outlast_the_service(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for push in _pushes(plan):
        service = _pushed_service(plan, push)
        if service is not None:
            timeout = float(service.block("template")["timeout"].rstrip("s"))
            if push.values["ack_deadline_seconds"] < timeout:
                yield push, f"pushes again while {service.values['name']} may still handle ({timeout:.0f} s)"


def services_have_their_own_identity(plan: Plan) -> Iterator[tuple[Resource, str]]:
    seen = set[str]()
    for service in plan.of("cloud_run_v2_service"):
        account = service.block("template").get("service_account")
        if not account:
            yield service, "runs as the default account, which has wide rights"
        elif account in seen:
            yield service, f"shares {account} with another service"
        else:
            seen.add(account)


def identities_are_there(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """Bootstrap makes them, and the environment names them."""
    made = {it.values["email"] for it in plan.of("service_account")}
    for service in plan.of("cloud_run_v2_service"):
        account = service.block("template").get("service_account")
        if account and account not in made:
            yield service, f"runs as {account}, which bootstrap does not make"
    for push in _pushes(plan):
        for token in push.block("push_config").get("oidc_token") or ():
            if token["service_account_email"] not in made:
                yield push, f"pushes as {token['service_account_email']}, which bootstrap does not make"


def services_are_bounded(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for service in plan.of("cloud_run_v2_service"):
        template = service.block("template")
        if not (template.get("scaling") or [{}])[0].get("max_instance_count"):
            yield service, "has no max_instance_count"
        for container in template["containers"]:
            if (container.get("resources") or [{}])[0].get("cpu_idle") is not True:
                yield service, "pays for CPU between requests; set cpu_idle"
            if not container.get("startup_probe") or not container.get("liveness_probe"):
                yield service, "has no startup or liveness probe"


def services_are_internal(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for service in plan.of("cloud_run_v2_service"):
        if service.values.get("ingress") != "INGRESS_TRAFFIC_INTERNAL_ONLY":
            yield service, "is reachable from everywhere"


def cloud_run_asks_who_calls(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for service in plan.of("cloud_run_v2_service"):
        if service.values.get("invoker_iam_disabled"):
            yield service, "lets everybody through to the service; unset invoker_iam_disabled"


def secrets_can_be_read(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for service in plan.of("cloud_run_v2_service"):
        member = f"serviceAccount:{service.block('template').get('service_account')}"
        for name, value in environment(service).items():
            granted = plan.grants(
                "secret_manager_secret", "roles/secretmanager.secretAccessor", secret_id=name
            )
            if value is None and member not in granted:
                yield service, f"may not read the secret {name}"


def memories_are_apart(plan: Plan) -> Iterator[tuple[Resource, str]]:
    """Give each service a state bucket of its own, by a grant without a condition.

    Under a condition on a prefix a service may not list while it gets an object, and Cloud Storage answers 403 in place
    of 404 for a missing object to whoever may not list: absence would look like an outage for ever.
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
                yield grant, "stands under a condition, so that a missing object is 403 and not 404"


def ticks_fire(plan: Plan) -> Iterator[tuple[Resource, str]]:
    topics = {f"projects/{it.values['project']}/topics/{it.values['name']}" for it in plan.of("pubsub_topic")}
    for job in plan.of("cloud_scheduler_job"):
        if job.block("pubsub_target").get("topic_name") not in topics:
            yield job, "publishes to a topic that is not planned"
        if job.values.get("attempt_deadline"):
            yield job, "attempt_deadline of a Pub/Sub target shows a change in every plan"
        zone = job.values.get("time_zone")
        if not zone:
            yield job, "has no time_zone"
        hours = _LOCAL_TIME.match(job.values["schedule"])
        if zone not in ("UTC", "Etc/UTC") and hours and {"1", "2", "01", "02"} & set(hours[1].split(",")):
            yield job, "is skipped or doubled when clocks change; not between 01:00 and 03:00"


def tables_expire_by_the_day(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for table in _tables(plan):
        partitioning = table.block("time_partitioning")
        if (partitioning.get("type"), partitioning.get("expiration_ms")) != ("DAY", _DAYS_90_MS):
            yield table, "is not partitioned by DAY with 90 days"


def tables_are_protected(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for table in _tables(plan):
        if table.values.get("deletion_protection") is not True:
            yield table, "can be deleted; set deletion_protection"


def queries_name_their_partitions(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for table in _tables(plan):
        if not table.values.get("require_partition_filter"):
            yield table, "takes queries that read all partitions; set require_partition_filter"


def columns_have_a_mode(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for table in _tables(plan):
        for name in _without_mode(json.loads(table.values.get("schema") or "[]")):
            yield table, f"column {name} has no mode, which shows a change in every plan"


def buckets_are_closed(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for bucket in plan.of("storage_bucket"):
        if not bucket.values.get("uniform_bucket_level_access"):
            yield bucket, "has access lists of objects; set uniform_bucket_level_access"
        if bucket.values.get("public_access_prevention") != "enforced":
            yield bucket, "could be made public; set public_access_prevention"
        if bucket.values.get("force_destroy"):
            yield bucket, "is deleted with what it holds"
        if not bucket.values.get("lifecycle_rule") or not bucket.values.get("soft_delete_policy"):
            yield bucket, "has no lifecycle_rule or no soft_delete_policy"


def federation_is_exact(plan: Plan) -> Iterator[tuple[Resource, str]]:
    for provider in plan.of("iam_workload_identity_pool_provider"):
        if not _EXACT_SUBJECT.fullmatch(provider.values.get("attribute_condition") or ""):
            yield provider, 'must hold assertion.sub == "..." and nothing else'


def alerts_reach_somebody(plan: Plan) -> Iterator[tuple[Resource, str]]:
    if plan.of("monitoring_alert_policy") and not plan.of("monitoring_notification_channel"):
        for alert in plan.of("monitoring_alert_policy"):
            yield alert, "reaches nobody; there is no notification channel"


POLICIES: tuple[Policy, ...] = (
    grants_name_somebody,
    grants_are_additive,
    roles_are_small,
    project_grants_are_few,
    roles_do_not_grow,
    there_are_no_keys,
    subscriptions_stay,
    pushes_are_authenticated,
    deliveries_back_off,
    dead_letters_are_kept,
    pushes_outlast_the_service,
    services_have_their_own_identity,
    identities_are_there,
    services_are_bounded,
    services_are_internal,
    cloud_run_asks_who_calls,
    secrets_can_be_read,
    memories_are_apart,
    ticks_fire,
    tables_expire_by_the_day,
    tables_are_protected,
    queries_name_their_partitions,
    columns_have_a_mode,
    buckets_are_closed,
    federation_is_exact,
    alerts_reach_somebody,
)


def findings(plan: Plan) -> list[Finding]:
    return [
        Finding(policy.__name__, resource.address, message)
        for policy in POLICIES
        for resource, message in policy(plan)
    ]


def _grants(plan: Plan) -> Iterator[Resource]:
    return (resource for resource in plan.resources if resource.type.endswith("_iam_member"))


def _pushes(plan: Plan) -> Iterator[Resource]:
    return (it for it in plan.of("pubsub_subscription") if it.values.get("push_config"))


def _pushed_service(plan: Plan, push: Resource) -> Resource | None:
    """The planned service at the push's address, which is the service's own audience and a path."""
    endpoint = push.block("push_config")["push_endpoint"]
    for service in plan.of("cloud_run_v2_service"):
        if endpoint.rpartition("/")[0] == environment(service).get("TIPOFF_AUDIENCE"):
            return service
    return None


def _agents(members: set[str]) -> bool:
    return any(member.endswith("@gcp-sa-pubsub.iam.gserviceaccount.com") for member in members)


def _tables(plan: Plan) -> Iterator[Resource]:
    return (it for it in plan.of("bigquery_table") if not it.values.get("view"))


def _without_mode(columns: list[dict[str, Any]]) -> Iterator[str]:
    for column in columns:
        if "mode" not in column:
            yield column["name"]
        yield from _without_mode(column.get("fields", []))
