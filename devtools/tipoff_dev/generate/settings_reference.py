"""`docs/reference/configuration.md`: every setting of every service."""

import types
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from tipoff_common.settings import ServiceSettings, variable
from tipoff_dev.generate.markdown import generated_from, table
from tipoff_dev.stack.layout import SERVICES as PACKAGES


def _settings_of(package: str) -> type[ServiceSettings]:
    """Import the settings model that a service's package defines in its module `settings`."""
    module = import_module(f"{package}.settings")
    (model,) = (
        it
        for it in vars(module).values()
        if isinstance(it, type) and issubclass(it, ServiceSettings) and it.__module__ == module.__name__
    )
    return model


SERVICES: Mapping[str, type[ServiceSettings]] = {
    name: _settings_of(package) for name, package in PACKAGES.items()
}
_HEADING = ("Variable", "Type", "Default", "Meaning")
_INTRODUCTION = """\
# Configuration

Services read their settings from the environment, once, at start. A variable that is missing or malformed, or a
`TIPOFF_` variable that is not listed here, ends the process with its name. What should run when is not configured
here but in `config/workflows.yaml`."""


def configuration() -> str:
    """Write the reference of the settings."""
    parts = [_INTRODUCTION, "## Every service", _settings(ServiceSettings, ServiceSettings.model_fields)]
    for service, model in SERVICES.items():
        own = {
            name: field
            for name, field in model.model_fields.items()
            if name not in ServiceSettings.model_fields
        }
        parts += [f"## {service}", _settings(model, own) if own else "Nothing beyond the above."]
    return "\n\n".join([generated_from("the settings models"), *parts]) + "\n"


def _settings(model: type[ServiceSettings], fields: Mapping[str, FieldInfo]) -> str:
    return table(_HEADING, (list(_row(model, name, field)) for name, field in fields.items()))


def _row(model: type[ServiceSettings], name: str, field: FieldInfo) -> Iterator[str]:
    yield f"`{variable(name, model)}`"
    yield _type(field)
    yield "**required**" if field.is_required() else _default(field.default)
    yield field.description or ""


def _type(field: FieldInfo) -> str:
    bounds = [
        f"{sign} {getattr(rule, name)}"
        for rule in field.metadata
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
        if hasattr(rule, name)
    ]
    return ", ".join([_type_name(field.annotation), *bounds])


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(_type_name(part) for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) is tuple:
        return f"JSON list of {_type_name(get_args(annotation)[0])}"
    names: Mapping[Any, str] = {
        str: "text",
        int: "integer",
        float: "number",
        bool: "boolean",
        SecretStr: "secret",
    }
    return names.get(annotation, annotation.__name__.lower())


def _default(value: object) -> str:
    if value is None or value == ():
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
