"""A check of a plan by the services' own code: loading settings from planned variables and decoding planned ticks."""

import os
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from gcp_emulators.pubsub.filters import parse
from tipoff_common.binding import Message, Refused, decode
from tipoff_common.events import TickFired
from tipoff_common.settings import PREFIX, ServiceSettings, SettingsError, load_settings
from tipoff_dev.checks.terraform.plans import Resource, TerraformPlan, environment
from tipoff_dev.generate import settings_reference

_AN_INSTANT = datetime(2025, 1, 15, 10, tzinfo=UTC)


def settings_faults(plan: TerraformPlan) -> Iterator[str]:
    """Load each service's settings from its planned environment; yield the faults that would prevent its start."""
    for service in plan.of("cloud_run_v2_service"):
        name = service.values["name"]
        model = settings_reference.SERVICES.get(name)
        if model is None:
            # Taken from the module, so that the message stays right when the module moves.
            where = settings_reference.__name__
            yield f"{service.address}: no settings model of {name}; add it to SERVICES of {where}"
            continue
        try:
            settings = settings_of(service, model)
        except SettingsError as error:
            yield f"{service.address}: {error}"
            continue
        template = service.block("template")
        if settings.concurrency != template.get("max_instance_request_concurrency", settings.concurrency):
            yield f"{service.address}: TIPOFF_CONCURRENCY is {settings.concurrency}, unlike its request concurrency"
        instances = template["scaling"][0]["max_instance_count"]
        if getattr(settings, "max_instances", instances) != instances:
            yield f"{service.address}: its setting max_instances is not {instances}, so it would pace wrongly"


def settings_of(service: Resource, model: type[ServiceSettings]) -> ServiceSettings:
    """Load a service's settings from its planned environment. Raises SettingsError."""
    variables = {name: value or "a-secret" for name, value in environment(service).items()}
    name = service.values["name"]
    added = {"K_SERVICE": name, "K_CONFIGURATION": name, "K_REVISION": f"{name}-00001-abc"}
    with _environment({**variables, **added}):  # Cloud Run sets the added variables
        return load_settings(model)


def tick_faults(plan: TerraformPlan) -> Iterator[str]:
    """Decode planned ticks as services do; yield those that fail to decode or that no subscription receives."""
    for job in plan.of("cloud_scheduler_job"):
        target = job.block("pubsub_target")
        attributes = target["attributes"]
        message = Message(b64decode(target["data"]), attributes, message_id="1", publish_time=_AN_INSTANT)
        try:
            event = decode(message).payload
        except Refused as refused:
            yield f"{job.address}: {refused}"
            continue
        if not isinstance(event, TickFired) or event.filter_attributes["tick"] != attributes.get("tick"):
            yield f"{job.address}: its attribute tick differs from its payload's"
        if not any(
            parse(it.values.get("filter") or "")(attributes)
            for it in plan.of("pubsub_subscription")
            if it.values["topic"] == target["topic_name"]
        ):
            yield f"{job.address}: no subscription receives it"


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Replace the process's TIPOFF_ variables by these for the length of a block."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(PREFIX) or name.endswith("_EMULATOR_HOST"):
            del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
