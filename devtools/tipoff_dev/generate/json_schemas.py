"""JSON Schemas: of each event, for other producers; of the YAML files, for editors."""

import inspect
import json

from pydantic import BaseModel

from tipoff_common.events import EVENTS, Event
from tipoff_common.service_map import ServiceMap
from tipoff_dev.generate.markdown import generated_from, table, whole_sentence

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def event_schema(model: type[Event]) -> str:
    """Write the JSON Schema by which a consumer accepts a payload of this event."""
    return _schema(model, model.TYPE, f"urn:tipoff:event:{model.TYPE}")


def events_index() -> str:
    """Render the list of events, each with its meaning and a link to its schema."""
    rows = [
        (f"[`{name}`]({name}.schema.json)", whole_sentence(_first_line(model), model.__name__))
        for name, model in EVENTS.items()
    ]
    parts = [generated_from("`tipoff_common.events`"), "# Events", table(("Type", "Meaning"), rows)]
    return "\n\n".join(parts) + "\n"


def _first_line(model: type[Event]) -> str:
    return inspect.cleandoc(model.__doc__ or "").partition("\n")[0]


def workflows_schema() -> str:
    """Write the JSON Schema of `config/workflows.yaml`."""
    from tipoff_planning.workflows import WorkflowsFile

    return _schema(WorkflowsFile, "workflows.yaml", "urn:tipoff:workflows")


def alerts_schema() -> str:
    """Write the JSON Schema of `config/alerts.yaml`."""
    from tipoff_monitor.rules import AlertsFile

    return _schema(AlertsFile, "alerts.yaml", "urn:tipoff:alerts")


def services_schema() -> str:
    """Write the JSON Schema of `infra/services.yaml`."""
    return _schema(ServiceMap, "services.yaml", "urn:tipoff:services")


def _schema(model: type[BaseModel], title: str, identifier: str) -> str:
    schema = model.model_json_schema(mode="validation")
    document = {"$schema": _DIALECT, "$id": identifier, **schema, "title": title}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
