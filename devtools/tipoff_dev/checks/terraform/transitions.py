"""What a later plan changes of an applied state: nothing that is in use goes before what takes its place is there.

Each transition starts from a state that was applied with the maps of this repository, changes variables or maps, and
says which resources may be made, changed and deleted.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from shutil import copytree, ignore_patterns, rmtree
from typing import Any

import yaml

from tipoff_cli.checkout import SERVICES, TOPICS
from tipoff_dev.checks.terraform.workspace import TERRAFORM, TerraformError, Workspace

Maps = dict[str, Any]
"""services and topics, as their files say."""
Change = Callable[[Maps, dict[str, Any]], None]
"""Changes maps and variables in place: they are copies."""


@dataclass(frozen=True)
class Transition:
    """A change and what the plan for it holds. Addresses are shell patterns; each must match, and covers all matches.

    refused: what the error says, where there must be no plan. options: of `terraform plan`.
    """

    name: str
    root: str
    change: Change
    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    created_first: tuple[str, ...] = ()
    refused: str | None = None
    before: Change | None = None
    options: tuple[str, ...] = ()


def _another_email(_: Maps, values: dict[str, Any]) -> None:
    values["notification_emails"] = ["else@acme.com"]


def _another_filter(maps: Maps, _: dict[str, Any]) -> None:
    _ticks(maps)["cleanup-ticks"]["filter"] = 'attributes.tick = "archive"'


def _a_filter_beside(maps: Maps, _: dict[str, Any]) -> None:
    _ticks(maps)["cleanup-ticks-2"] = {
        **_ticks(maps)["cleanup-ticks"],
        "filter": 'attributes.tick = "cleanup" OR attributes.tick = "archive"',
    }


def _the_old_filter_gone(maps: Maps, values: dict[str, Any]) -> None:
    _a_filter_beside(maps, values)
    del _ticks(maps)["cleanup-ticks"]


def _a_service_more(maps: Maps, values: dict[str, Any]) -> None:
    maps["services"]["services"]["watcher"] = {**maps["services"]["services"]["cleanup"], "local_port": 8099}
    _ticks(maps)["watcher-ticks"] = {**_ticks(maps)["cleanup-ticks"], "service": "watcher"}
    if "images" in values:
        values["images"]["watcher"] = "applied"


def _a_service_less(maps: Maps, values: dict[str, Any]) -> None:
    del maps["services"]["services"]["cleanup"]
    del _ticks(maps)["cleanup-ticks"]
    values.get("images", {}).pop("cleanup", None)


def _its_bucket_to_empty(_: Maps, values: dict[str, Any]) -> None:
    values["buckets_to_empty"] = ["state-cleanup"]


def _another_push_account(maps: Maps, _: dict[str, Any]) -> None:
    maps["services"]["services"]["logger"]["push_generation"] = 2


def _a_secret_less(maps: Maps, _: dict[str, Any]) -> None:
    maps["services"]["services"]["scraper-runner"]["secrets"].remove("ODDS_API_KEY")


def _another_commit(_: Maps, values: dict[str, Any]) -> None:
    values["images"] = dict.fromkeys(values["images"], "newer")


def _another_project(_: Maps, values: dict[str, Any]) -> None:
    values["project"] = "another-project"


def _a_key_for_secrets(_: Maps, values: dict[str, Any]) -> None:
    values["secrets_kms_key"] = "projects/p/locations/global/keyRings/r/cryptoKeys/k"


def _a_key_for_images(_: Maps, values: dict[str, Any]) -> None:
    values["kms_key"] = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"


def _a_domain(_: Maps, values: dict[str, Any]) -> None:
    values["domains"] = {"monitor": {"domain": "tipoff.acme.com", "certificate": "managed"}}


def _another_domain(_: Maps, values: dict[str, Any]) -> None:
    values["domains"] = {"monitor": {"domain": "alerts.acme.com", "certificate": "managed"}}


def _a_proxy_before_it(_: Maps, values: dict[str, Any]) -> None:
    _a_domain(_, values)
    values["domains"]["monitor"]["iap"] = ["group:people@acme.com"]


def _a_domain_without_a_certificate(_: Maps, values: dict[str, Any]) -> None:
    values["domains"] = {"monitor": {"domain": "tipoff.acme.com"}}


def _nothing(_: Maps, __: dict[str, Any]) -> None:
    pass


_SERVICES = "module.service*google_cloud_run_v2_service.this"
_LOGGER_PUSHES = "module.*.google_pubsub_subscription.push*logger-*"

TRANSITIONS = (
    Transition("nothing changed", "platform", _nothing),
    Transition("nothing changed", "bootstrap", _nothing),
    Transition(
        "another commit",
        "platform",
        _another_commit,
        updated=(_SERVICES,),
    ),
    Transition(
        "another e-mail address",
        "platform",
        _another_email,
        created=("module.monitoring.google_monitoring_notification_channel.email*else@acme.com*",),
        updated=(
            "module.monitoring.google_monitoring_alert_policy.*",
            "module.monitoring.google_billing_budget.this*",
        ),
        deleted=("module.monitoring.google_monitoring_notification_channel.email*someone@example.com*",),
    ),
    Transition(
        "another filter of a subscription",
        "platform",
        _another_filter,
        refused="the filter cannot be changed",
    ),
    Transition(
        "another filter under a name beside the old",
        "platform",
        _a_filter_beside,
        created=("*cleanup-ticks-2*",),
    ),
    Transition(
        "the subscription of the old filter taken out",
        "platform",
        _the_old_filter_gone,
        deleted=('*[[]"cleanup-ticks"]',),
        before=_a_filter_beside,
    ),
    Transition(
        "a subscription made anew has its grant in the same apply",
        "platform",
        _nothing,
        replaced=(
            "module.topic*google_pubsub_subscription.push*cleanup-ticks*",
            "module.topic*iam_member.dead_letters*cleanup-ticks*",
        ),
        options=(
            '-replace=module.topic["orchestration-ticks"].google_pubsub_subscription.push["cleanup-ticks"]',
        ),
    ),
    Transition("a service more", "platform", _a_service_more, created=("*watcher*",)),
    Transition("a service more", "bootstrap", _a_service_more, created=("*watcher*",)),
    Transition(
        "a bucket that is to be deleted with what it holds",
        "platform",
        _its_bucket_to_empty,
        updated=("module.state*cleanup*google_storage_bucket.this",),
    ),
    Transition(
        "a service less", "platform", _a_service_less, deleted=("*cleanup*",), before=_its_bucket_to_empty
    ),
    Transition("a service less", "bootstrap", _a_service_less, deleted=("*cleanup*",)),
    Transition(
        "another push account, by its owner first",
        "bootstrap",
        _another_push_account,
        created=("*logger-push2*",),
    ),
    Transition(
        "another push account, by the deployment",
        "platform",
        _another_push_account,
        updated=(_LOGGER_PUSHES, "module.service*logger*google_cloud_run_v2_service.this"),
        created_first=("module.service*logger*google_cloud_run_v2_service_iam_member.push",),
    ),
    Transition(
        "a secret less, by the deployment first",
        "platform",
        _a_secret_less,
        updated=("module.service*scraper-runner*google_cloud_run_v2_service.this",),
    ),
    Transition("a secret less, by its owner after", "bootstrap", _a_secret_less, deleted=("*ODDS_API_KEY*",)),
    Transition(
        "a key for secrets, which stay",
        "bootstrap",
        _a_key_for_secrets,
        updated=("google_secret_manager_secret.this*",),
    ),
    Transition(
        "a key for a registry that is full", "bootstrap", _a_key_for_images, refused="cannot take another key"
    ),
    Transition(
        "a domain for the console",
        "platform",
        _a_domain,
        created=("module.domain*",),
        updated=("module.service*monitor*google_cloud_run_v2_service.this",),
    ),
    Transition(
        "another domain for the console",
        "platform",
        _another_domain,
        before=_a_domain,
        updated=(
            "module.domain*google_compute_target_https_proxy.this",
            "module.service*monitor*google_cloud_run_v2_service.this",
        ),
        created_first=("module.domain*google_compute_managed_ssl_certificate.this*",),
    ),
    Transition(
        "Identity-Aware Proxy before the console",
        "platform",
        _a_proxy_before_it,
        before=_a_domain,
        created=(
            "module.domain*google_iap_web_backend_service_iam_member.this*",
            "google_cloud_run*iap*monitor*",
        ),
        updated=(
            "module.domain*google_compute_backend_service.this",
            "module.service*monitor*google_cloud_run_v2_service.this",
        ),
    ),
    Transition(
        "a domain without a certificate",
        "platform",
        _a_domain_without_a_certificate,
        refused="a domain needs its certificate",
    ),
    Transition(
        "the variables of another project", "platform", _another_project, refused="This state is of dev in"
    ),
    Transition(
        "the variables of another project",
        "bootstrap",
        _another_project,
        refused="This state is of my-tipoff-dev",
    ),
)


def transition_faults(place: Workspace, root: str) -> list[str]:
    """Try the transitions of a root, each on a copy of the state that was applied."""
    baseline = _copied(place, root, "applied")
    _plan(place, baseline, root, _nothing)
    place.apply(baseline)
    return [fault for it in TRANSITIONS if it.root == root for fault in _faults(place, baseline, it)]


def _faults(place: Workspace, baseline: Path, transition: Transition) -> Iterator[str]:
    folder = place.root / TERRAFORM / f"{transition.root}-tried"
    copytree(baseline, folder)
    try:
        if transition.before is not None:
            _plan(place, folder, transition.root, transition.before)
            place.apply(folder)
        plan = _plan(place, folder, transition.root, transition.change, transition.options)
    except TerraformError as error:
        if transition.refused is None or transition.refused not in " ".join(str(error).split()):
            yield f"{transition.name}: {error}"
        return
    finally:
        rmtree(folder)
    if transition.refused is not None:
        yield f"{transition.name}: is planned, and must be refused"
        return
    yield from (f"{transition.name}: {fault}" for fault in differing(transition, plan))


def differing(transition: Transition, plan: Mapping[str, Any]) -> Iterator[str]:
    """Compare what a plan changes with what the transition says."""
    expected = {
        ("create",): transition.created,
        ("update",): transition.updated,
        ("delete",): transition.deleted,
        ("delete", "create"): transition.replaced,
        ("create", "delete"): transition.created_first,
    }
    matched = set[str]()
    for change in plan.get("resource_changes", ()):
        actions, address = tuple(change["change"]["actions"]), str(change["address"])
        # terraform_data keeps what a state was applied for and is nothing in the cloud.
        if actions in (("no-op",), ("read",)) or change["type"] == "terraform_data":
            continue
        patterns = [it for it in expected.get(actions, ()) if fnmatchcase(address, it)]
        matched |= {f"{actions} {it}" for it in patterns}
        if not patterns:
            yield f"{' and '.join(actions)} of {address}"
    for actions, wanted in expected.items():
        for pattern in wanted:
            if f"{actions} {pattern}" not in matched:
                yield f"no {' and '.join(actions)} of {pattern}"


def _copied(place: Workspace, root: str, suffix: str) -> Path:
    folder = place.root / TERRAFORM / f"{root}-{suffix}"
    copytree(place.root / TERRAFORM / root, folder, ignore=ignore_patterns(".terraform", "tests", "*.tfplan"))
    return folder


def _plan(
    place: Workspace, folder: Path, root: str, change: Change, options: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    maps: Maps = {
        "services": yaml.safe_load(SERVICES.read_text()),
        "topics": yaml.safe_load(TOPICS.read_text()),
    }
    values: dict[str, Any] = {"services_file": "services.json"}
    if root == "platform":
        images = dict.fromkeys(maps["services"]["services"], "applied")
        values |= {"environment": "dev", "images": images, "topics_file": "topics.json"}
    changed = deepcopy(maps)
    change(changed, values)
    for name, content in changed.items():
        # JSON is YAML, so that a map written by this check is read like one written by people.
        (folder / f"{name}.json").write_text(json.dumps(content))
    example = place.root / TERRAFORM / f"environments/dev/{root}.tfvars.example"
    return place.plan(folder, str(example), values, options)


def _ticks(maps: Maps) -> dict[str, Any]:
    subscriptions: dict[str, Any] = maps["topics"]["topics"]["orchestration-ticks"]["subscriptions"]
    return subscriptions
