"""A plan, as `terraform show -json` prints it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Resource:
    """A planned resource. Its values lack the attributes that are known only after an apply."""

    address: str
    type: str
    values: Mapping[str, Any]

    def block(self, name: str) -> Mapping[str, Any]:
        """Return the block of this name, which may occur once; an empty mapping when it is absent."""
        found = self.values.get(name) or [{}]
        first: Mapping[str, Any] = found[0] or {}
        return first


@dataclass(frozen=True)
class TerraformPlan:
    """The resources of a plan."""

    resources: tuple[Resource, ...]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "TerraformPlan":
        """Read the JSON of a plan."""
        return cls(tuple(_resources(document["planned_values"]["root_module"])))

    def beside(self, other: "TerraformPlan") -> "TerraformPlan":
        """Join two plans of one project."""
        return TerraformPlan((*self.resources, *other.resources))

    def of(self, *types: str) -> list[Resource]:
        """List the resources of these types; types are without the provider's prefix."""
        wanted = {f"google_{name}" for name in types}
        return [resource for resource in self.resources if resource.type in wanted]

    def grants(self, on: str, role: str, **values: str) -> set[str]:
        """Collect the members that hold `role` on the resource of type `on` with these values."""
        return {
            str(grant.values["member"])
            for grant in self.of(f"{on}_iam_member")
            if grant.values["role"] == role
            and all(grant.values.get(key) == value for key, value in values.items())
        }


def _resources(module: Mapping[str, Any]) -> Iterator[Resource]:
    for entry in module.get("resources", []):
        if entry["mode"] == "managed":
            yield Resource(entry["address"], entry["type"], entry["values"])
    for child in module.get("child_modules", []):
        yield from _resources(child)


def environment(service: Resource) -> Mapping[str, str | None]:
    """Return the environment variables of a planned Cloud Run service; the value of a secret is None."""
    (container,) = service.block("template")["containers"]
    return {
        entry["name"]: None if entry.get("value_source") else entry["value"]
        for entry in container.get("env") or []
    }
