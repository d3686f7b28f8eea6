"""`docs/reference/configuration.md`: every setting of every service."""

from collections.abc import Mapping
from importlib import import_module

from pydantic.fields import FieldInfo

from tipoff_common.settings import ServiceSettings, variable
from tipoff_dev.generate.markdown import generated_from
from tipoff_dev.generate.model_tables import field_table
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
_INTRODUCTION = """\
# Configuration

Services read their settings from the environment, once, at start. A variable that is missing or malformed, or a
`TIPOFF_` variable that is not listed here, ends the process with an error that names it. Lists and maps are written as
JSON. Workflows and their schedules are not configured here but in `config/workflows.yaml`."""


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
    named = ((variable(name, model), field) for name, field in fields.items())
    return field_table("Variable", named)
