"""Plan changes on an applied state and compare them with infra/terraform/checks/transitions.yaml."""

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from shutil import copytree, ignore_patterns, rmtree
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from tipoff_cli.checkout import REPOSITORY, SERVICES, TOPICS
from tipoff_dev.checks.terraform.workspace import TERRAFORM, TerraformError, Workspace

FILE = REPOSITORY / TERRAFORM / "checks/transitions.yaml"


class Change(BaseModel):
    """Values to merge into the variables, the maps and, where the root takes them, the images."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variables: Mapping[str, Any] = {}
    services: Mapping[str, Any] = {}
    topics: Mapping[str, Any] = {}
    images: Mapping[str, Any] = {}


class Transition(BaseModel):
    """A change and the plan that it must lead to; the head of the file documents each key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    root: Literal["bootstrap", "platform"]
    change: Change = Change()
    before: Change | None = None
    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    created_first: tuple[str, ...] = ()
    refused: str | None = None
    options: tuple[str, ...] = ()


def load_transitions() -> list[Transition]:
    """Read the transitions, in the file's order."""
    return TypeAdapter(list[Transition]).validate_python(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def transition_faults(place: Workspace, root: str) -> list[str]:
    """Plan the transitions of a root, each on a copy of the applied state; return a line for each fault."""
    baseline = place.root / TERRAFORM / f"{root}-applied"
    ignored = ignore_patterns(".terraform", "tests", "*.tfplan")
    copytree(place.root / TERRAFORM / root, baseline, ignore=ignored)
    _plan(place, baseline, root, Change())
    place.apply(baseline)
    return [fault for it in load_transitions() if it.root == root for fault in _faults(place, baseline, it)]


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
    """Yield the differences between a plan's changes and those of the transition."""
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
        # terraform_data exists in the state only, not in the cloud.
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


def merged(document: Any, patch: Any) -> Any:
    """Merge a patch into a document, as JSON Merge Patch (RFC 7396) does."""
    if not isinstance(patch, Mapping):
        return patch
    kept = dict(document) if isinstance(document, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = merged(kept.get(key), value)
    return kept


def _plan(
    place: Workspace, folder: Path, root: str, change: Change, options: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    services = yaml.safe_load(SERVICES.read_text())
    topics = yaml.safe_load(TOPICS.read_text())
    values: dict[str, Any] = {"services_file": "services.json"}
    if root == "platform":
        images = merged(dict.fromkeys(services["services"], "applied"), change.images)
        values |= {"environment": "dev", "images": images, "topics_file": "topics.json"}
    # JSON is valid YAML, so Terraform reads these maps like the committed ones.
    (folder / "services.json").write_text(json.dumps(merged(services, {"services": change.services})))
    (folder / "topics.json").write_text(json.dumps(merged(topics, {"topics": change.topics})))
    example = place.root / TERRAFORM / f"environments/dev/{root}.tfvars.example"
    return place.plan(folder, str(example), merged(values, change.variables), options)
