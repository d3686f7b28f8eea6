"""What the provider makes of a configuration when it plans, applies and reads."""

from collections.abc import Callable, Mapping
from typing import Any

from tipoff_dev.checks.terraform.provider.schema import UNKNOWN, Block, Unknown, items

Compute = Callable[[str, Any], Any]
"""Gives a computed attribute by its name and type."""


_PLACED = ("name", "project")
_REGIONAL = (*_PLACED, "region")
_REPLACES: Mapping[str, tuple[str, ...]] = {
    "google_artifact_registry_repository": ("repository_id", "location", "format", "kms_key_name", "project"),
    "google_bigquery_dataset": ("dataset_id", "location", "project"),
    "google_billing_budget": ("billing_account",),
    "google_cloud_run_v2_service": (*_PLACED, "location"),
    "google_cloud_scheduler_job": _REGIONAL,
    "google_compute_address": (*_REGIONAL, "address_type"),
    "google_compute_backend_service": _PLACED,
    "google_compute_global_address": (*_PLACED, "address_type"),
    "google_compute_global_forwarding_rule": (*_PLACED, "ip_address", "ip_protocol", "port_range"),
    "google_compute_managed_ssl_certificate": (*_PLACED, "managed"),
    "google_compute_network": (*_PLACED, "auto_create_subnetworks"),
    "google_compute_region_network_endpoint_group": (*_REGIONAL, "cloud_run", "network_endpoint_type"),
    "google_compute_router": (*_REGIONAL, "network"),
    "google_compute_router_nat": (*_REGIONAL, "router"),
    "google_compute_subnetwork": (*_REGIONAL, "network"),
    "google_compute_target_https_proxy": _PLACED,
    "google_compute_url_map": _PLACED,
    "google_iam_workload_identity_pool": ("workload_identity_pool_id", "project"),
    "google_iam_workload_identity_pool_provider": (
        "workload_identity_pool_id",
        "workload_identity_pool_provider_id",
        "project",
    ),
    "google_logging_project_bucket_config": ("bucket_id", "location", "project"),
    "google_monitoring_uptime_check_config": ("monitored_resource", "project"),
    "google_project_iam_custom_role": ("role_id", "project"),
    "google_project_service": ("service", "project"),
    "google_pubsub_subscription": (*_PLACED, "topic", "filter"),
    "google_pubsub_topic": _PLACED,
    "google_secret_manager_secret": ("secret_id", "project"),
    "google_service_account": ("account_id", "project"),
    "google_storage_bucket": (*_PLACED, "location"),
}
"""Arguments that a resource cannot change, of those that are used: ForceNew in the provider's source. A secret's
`replication` is one too, and is not here: of what it holds, only a change of kind makes a secret anew."""


def replacing(resource: str, prior: Mapping[str, Any], proposed: Mapping[str, Any]) -> list[str]:
    """Name the arguments by whose change a resource is made anew; every argument of a grant is one."""
    fixed = tuple(prior) if resource.endswith("_iam_member") else _REPLACES.get(resource, ())
    return [name for name in fixed if prior.get(name) != proposed.get(name)]


def planned(resource: str, value: dict[str, Any], block: Block) -> dict[str, Any]:
    """Plan a resource that does not exist yet: what is computed is unknown."""
    if resource == "google_service_account":
        _name_service_account(value)
    return _computed(value, block, lambda _name, _kind: UNKNOWN, lambda given: given is None)


def applied(resource: str, value: dict[str, Any], block: Block) -> dict[str, Any]:
    """Invent what is computed, as the state after apply has it."""
    return _computed(value, block, _inventor(resource), lambda given: isinstance(given, Unknown))


def read(source: str, value: dict[str, Any], block: Block) -> dict[str, Any]:
    """Answer for a data source: everything is there, and enabled."""
    if source == "google_project":
        value["number"] = "123456789012"
    return _computed(value, block, _inventor(source), lambda given: given is None)


def _name_service_account(value: dict[str, Any]) -> None:
    """Fill in what the provider knows of an account when planning, since grants name it."""
    account, project = value.get("account_id"), value.get("project")
    if isinstance(account, str) and isinstance(project, str):
        value["email"] = f"{account}@{project}.iam.gserviceaccount.com"
        value["member"] = f"serviceAccount:{value['email']}"


def _computed(
    value: dict[str, Any], block: Block, compute: Compute, missing: Callable[[Any], bool]
) -> dict[str, Any]:
    for name, attribute in block["attributes"].items():
        if attribute.get("computed") and missing(value.get(name)):
            value[name] = compute(name, attribute["type"])
    for name, nested in block.get("block_types", {}).items():
        for item in items(value.get(name)):
            _computed(item, nested["block"], compute, missing)
    return value


def _inventor(type_name: str) -> Compute:
    def invent(name: str, kind: Any) -> Any:
        if isinstance(kind, list):
            shape, inner = kind
            if shape == "object":
                return {field: invent(field, inner[field]) for field in inner}
            return {} if shape == "map" else []
        return {"bool": True, "number": 0}.get(kind, f"invented-{type_name}-{name}")

    return invent
