"""The fake provider's answers: check, plan, apply and read a configuration by the rules in google.json."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

SCHEMA: Mapping[str, Any] = json.loads(Path(__file__).with_name("google.json").read_text(encoding="utf-8"))
"""Has the keys `provider`, `resources` and `data_sources`."""
UNKNOWN = object()
"""A value that is known only after an apply."""
Block = Mapping[str, Any]
Compute = Callable[[str, Any], Any]
"""Returns a computed attribute for its name and type."""

_DURATION = re.compile(r"\d+(\.\d{1,9})?s")


def faults(block: Block, value: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """Yield the faults for which the provider or the API would refuse the known values of a configuration."""
    for name, attribute in block["attributes"].items():
        given = value.get(name)
        if given is not None and given is not UNKNOWN:
            yield from (f"{within}{name}{fault}" for fault in _value_faults(attribute, given))
    for name, nested in block.get("block_types", {}).items():
        for item in _items(value.get(name)):
            yield from faults(nested["block"], item, f"{within}{name}.")


def _value_faults(attribute: Mapping[str, Any], given: Any) -> Iterator[str]:
    if given and isinstance(given, str) and given not in attribute.get("enum", (given,)):
        yield f" cannot be {given!r}; possible values: {', '.join(attribute['enum'])}"
    if bounds := attribute.get("bounds"):
        if isinstance(given, str) and not _DURATION.fullmatch(given):
            yield f' is not a valid duration: {given!r}; write seconds, such as "600s"'
        elif not bounds[0] <= float(str(given).rstrip("s")) <= bounds[1]:
            yield f" is out of range: {given}; must be {bounds[0]} to {bounds[1]}"


def replacing(resource: str, prior: Mapping[str, Any], proposed: Mapping[str, Any]) -> list[str]:
    """List the changed arguments that replace a resource; every argument of a grant replaces it."""
    block = SCHEMA["resources"][resource]["block"]
    known = {**block["attributes"], **block.get("block_types", {})}
    grant = resource.endswith("_iam_member")
    fixed = [name for name, entry in known.items() if grant or entry.get("force_new")]
    return [name for name in fixed if prior.get(name) != proposed.get(name)]


def planned(resource: str, value: dict[str, Any]) -> dict[str, Any]:
    """Plan a new resource: computed attributes are unknown, except an account's names, which grants use."""
    account, project = value.get("account_id"), value.get("project")
    if resource == "google_service_account" and isinstance(account, str) and isinstance(project, str):
        value["email"] = f"{account}@{project}.iam.gserviceaccount.com"
        value["member"] = f"serviceAccount:{value['email']}"
    return _computed(value, SCHEMA["resources"][resource]["block"], None, lambda _name, _kind: UNKNOWN)


def applied(resource: str, value: dict[str, Any]) -> dict[str, Any]:
    """Invent the unknown values, which the state after an apply must contain."""
    return _computed(value, SCHEMA["resources"][resource]["block"], UNKNOWN, _invented)


def read(source: str, value: dict[str, Any]) -> dict[str, Any]:
    """Read a data source: everything exists and is enabled."""
    if source == "google_project":
        value["number"] = "123456789012"
    return _computed(value, SCHEMA["data_sources"][source]["block"], None, _invented)


def _computed(value: dict[str, Any], block: Block, missing: object, compute: Compute) -> dict[str, Any]:
    """Fill in the computed attributes whose value is `missing`."""
    for name, attribute in block["attributes"].items():
        if attribute.get("computed") and value.get(name) is missing:
            value[name] = compute(name, attribute["type"])
    for name, nested in block.get("block_types", {}).items():
        for item in _items(value.get(name)):
            _computed(item, nested["block"], missing, compute)
    return value


def _invented(name: str, kind: Any) -> Any:
    match kind:
        case ["object", fields]:
            return {field: _invented(field, inner) for field, inner in fields.items()}
        case ["map", _]:
            return {}
        case [_, _]:
            return []
    return {"bool": True, "number": 0}.get(kind, f"invented-{name}")


def _items(value: Any) -> list[dict[str, Any]]:
    """List the blocks of one name, whether they nest as a list, a set or a single one."""
    found = value if isinstance(value, list) else [value]
    return [item for item in found if isinstance(item, dict)]
