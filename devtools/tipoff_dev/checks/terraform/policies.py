"""Policies that a plan must hold beyond being valid; each is one function from a plan to findings.

They read values, hence what a module names by an attribute that is known only after apply stays unseen; infra/terraform
therefore names topics, identities and services by what a plan knows.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tipoff_dev.checks.terraform.plans import Resource, TerraformPlan, environment

_PROJECT_ROLES = (
    re.compile(r"roles/bigquery\.jobUser"),  # a job belongs to the project
    re.compile(r"roles/logging\.logWriter"),  # and so does a log
    re.compile(
        r"roles/monitoring\.notificationServiceAgent"
    ),  # Monitoring's own account, which Google gives it elsewhere
    re.compile(r"projects/[^/]+/roles/tipoff(Deployer|Planner)"),  # make, and look for, what is not there yet
)
_BECOMES_ANOTHER = re.compile(
    r"iam\.(serviceAccounts\.(create|setIamPolicy|actAs|get\w*Token|sign\w+|implicitDelegation)|serviceAccountKeys\.create)"
    r"|iam\.roles\.(create|update)|resourcemanager\.projects\.setIamPolicy|storage\.buckets\.setIamPolicy"
    r"|secretmanager\.(secrets\.setIamPolicy|versions\.access)"
)
_TOO_MUCH = {
    "roles/bigquery.dataEditor": "drops tables and changes their columns; take tipoffRowAppender",
    "roles/bigquery.dataOwner": "drops tables and changes their columns; take tipoffRowAppender",
    "roles/pubsub.viewer": "reads settings that no service needs; to publish takes roles/pubsub.publisher alone",
    "roles/iam.serviceAccountTokenCreator": "makes access tokens and signs; take serviceAccountOpenIdTokenCreator",
}
"""Roles that services had use for once, each with what a smaller one does."""
_KEEPS = ("roles/storage.bucketViewer", "roles/storage.objectViewer", "roles/storage.objectCreator")
_EXACT_SUBJECT = re.compile(r'assertion\.sub == "[^"*]+"')


@dataclass(frozen=True)
class Violation:
    """A resource that breaks a policy, and what to do about it."""

    policy: str
    address: str
    message: str

    def __str__(self) -> str:
        return f"{self.address}: {self.message} [{self.policy}]"


Policy = Callable[[TerraformPlan], Iterator[tuple[Resource, str]]]


def project_grants_are_few(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find roles on the whole project that a smaller resource could take."""
    for grant in plan.of("project_iam_member"):
        role = grant.values["role"]
        if not any(known.fullmatch(role) for known in _PROJECT_ROLES) and not grant.values.get("condition"):
            yield grant, f"{role} on the whole project; grant it on the resource"


def roles_do_not_grow(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find roles of our own whose holder could become any account of the project, or read any secret."""
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


def pushes_are_authenticated(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find pushes that their service would refuse, or that anybody could make."""
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


def dead_letters_are_kept(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Keep what Pub/Sub gives up on. The dead-letter topic's own subscriptions have no further one: they try again."""
    last = {it.block("dead_letter_policy").get("dead_letter_topic") for it in _pushes(plan)} - {None}
    for push in _pushes(plan):
        topic = push.block("dead_letter_policy").get("dead_letter_topic")
        if not topic:
            if push.values["topic"] not in last:
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


def pushes_outlast_the_service(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find ack deadlines below the timeout of the service: a message still being handled is pushed again."""
    for push in _pushes(plan):
        service = _pushed_service(plan, push)
        if service is not None:
            timeout = float(service.block("template")["timeout"].rstrip("s"))
            if push.values["ack_deadline_seconds"] < timeout:
                yield push, f"pushes again while {service.values['name']} may still handle ({timeout:.0f} s)"


def services_have_their_own_identity(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find services that run as the default account or as another service."""
    seen = set[str]()
    for service in plan.of("cloud_run_v2_service"):
        account = service.block("template").get("service_account")
        if not account:
            yield service, "runs as the default account, which has wide rights"
        elif account in seen:
            yield service, f"shares {account} with another service"
        else:
            seen.add(account)


def identities_are_there(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find accounts that services or pushes use and bootstrap does not make."""
    made = {it.values["email"] for it in plan.of("service_account")}
    for service in plan.of("cloud_run_v2_service"):
        account = service.block("template").get("service_account")
        if account and account not in made:
            yield service, f"runs as {account}, which bootstrap does not make"
    for push in _pushes(plan):
        for token in push.block("push_config").get("oidc_token") or ():
            if token["service_account_email"] not in made:
                yield push, f"pushes as {token['service_account_email']}, which bootstrap does not make"


def cloud_run_asks_who_calls(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find services past which anybody gets by Cloud Run."""
    for service in plan.of("cloud_run_v2_service"):
        if service.values.get("invoker_iam_disabled"):
            yield service, "lets everybody through to the service; unset invoker_iam_disabled"


def secrets_can_be_read(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find secrets that a service is given and may not read."""
    for service in plan.of("cloud_run_v2_service"):
        member = f"serviceAccount:{service.block('template').get('service_account')}"
        for name, value in environment(service).items():
            granted = plan.grants(
                "secret_manager_secret", "roles/secretmanager.secretAccessor", secret_id=name
            )
            if value is None and member not in granted:
                yield service, f"may not read the secret {name}"


def memories_are_apart(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
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


def rights_are_small(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find roles with more rights than the holder has use for."""
    for grant in plan.resources:
        if grant.type.endswith("_iam_member") and (why := _TOO_MUCH.get(grant.values["role"])):
            yield grant, f"{grant.values['role']} {why}"


def the_archive_only_grows(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Let nobody replace or delete what no table has any more, and keep every version of it."""
    for bucket in plan.of("storage_bucket"):
        if bucket.values["name"].endswith("-tipoff-archive") and not bucket.block("versioning").get(
            "enabled"
        ):
            yield bucket, "keeps no version of what is replaced; set versioning"
    for grant in plan.of("storage_bucket_iam_member"):
        if str(grant.values.get("bucket")).endswith("-tipoff-archive") and grant.values["role"] not in _KEEPS:
            yield grant, f"{grant.values['role']} replaces and deletes; take roles/storage.objectCreator"


def tables_are_not_terraforms(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Leave tables to `tipoff tables deploy`: Terraform drops a column that a file no longer has."""
    for table in plan.of("bigquery_table", "bigquery_routine"):
        yield table, "`tipoff tables deploy` makes it, and only by adding; drop it here"


def federation_is_exact(plan: TerraformPlan) -> Iterator[tuple[Resource, str]]:
    """Find providers that let in more than one subject."""
    for provider in plan.of("iam_workload_identity_pool_provider"):
        if not _EXACT_SUBJECT.fullmatch(provider.values.get("attribute_condition") or ""):
            yield provider, 'must hold assertion.sub == "..." and nothing else'


POLICIES: tuple[Policy, ...] = (
    project_grants_are_few,
    roles_do_not_grow,
    pushes_are_authenticated,
    dead_letters_are_kept,
    pushes_outlast_the_service,
    services_have_their_own_identity,
    identities_are_there,
    cloud_run_asks_who_calls,
    secrets_can_be_read,
    memories_are_apart,
    rights_are_small,
    the_archive_only_grows,
    tables_are_not_terraforms,
    federation_is_exact,
)


def findings(plan: TerraformPlan) -> list[Violation]:
    """Hold a plan against every policy."""
    return [
        Violation(policy.__name__, resource.address, message)
        for policy in POLICIES
        for resource, message in policy(plan)
    ]


def _pushes(plan: TerraformPlan) -> Iterator[Resource]:
    return (it for it in plan.of("pubsub_subscription") if it.values.get("push_config"))


def _pushed_service(plan: TerraformPlan, push: Resource) -> Resource | None:
    """Return the planned service at the push's address, which is the service's own audience and a path."""
    endpoint = push.block("push_config")["push_endpoint"]
    for service in plan.of("cloud_run_v2_service"):
        if endpoint.rpartition("/")[0] == environment(service).get("TIPOFF_AUDIENCE"):
            return service
    return None


def _agents(members: set[str]) -> bool:
    return any(member.endswith("@gcp-sa-pubsub.iam.gserviceaccount.com") for member in members)
