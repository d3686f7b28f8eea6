"""`docker-compose.yaml`: the last part of the file, a container for each service, is generated from the service map."""

import json
from collections.abc import Mapping

from tipoff_cli.checkout import REPOSITORY
from tipoff_common.service_map import ServiceEntry
from tipoff_common.settings import ServiceSettings
from tipoff_dev.fakes.sources.hosts import HOSTS
from tipoff_dev.generate.settings_reference import SERVICES as MODELS
from tipoff_dev.stack.layout import SERVICE_MAP

COMPOSE = REPOSITORY / "docker-compose.yaml"
MARK = "  # Generated from infra/services.yaml by `make generate`; change it there.\n"
# A folded scalar: YAML joins its lines by blanks, so each host can be on a line of its own.
_FAKE_SOURCES = "      TIPOFF_FAKE_SOURCES: >-\n" + "\n".join(
    f"        {line}"
    for line in json.dumps(dict.fromkeys(HOSTS, "http://fake-sources:8087"), indent=0).splitlines()
)


def compose() -> str:
    """Render the file: the handwritten part above the mark, and the generated services below it."""
    written, mark, _ = COMPOSE.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise ValueError(
            f"{COMPOSE.name}: the line {MARK.strip()!r} is missing; put it back as the last line"
        )
    return written + mark + containers(SERVICE_MAP, MODELS)


def containers(services: Mapping[str, ServiceEntry], models: Mapping[str, type[ServiceSettings]]) -> str:
    """Render a container for each service, and one for the ticks, which waits until all services are healthy."""
    blocks = [_container(name, entry, models[name]) for name, entry in services.items()]
    healthy = "\n".join(f"      {name}: {{ condition: service_healthy }}" for name in services)
    return "\n".join([*blocks, _TICKS.format(healthy=healthy)])


def _container(name: str, entry: ServiceEntry, model: type[ServiceSettings]) -> str:
    # Only for services with the setting `fake_sources`: a service exits for an unknown variable.
    own = f"\n{_FAKE_SOURCES}" if "fake_sources" in model.model_fields else ""
    if model.model_fields["concurrency"].default != entry.concurrency:
        own = f'\n      TIPOFF_CONCURRENCY: "{entry.concurrency}"{own}'
    return f"""\
  {name}:
    <<: *service
    build: {{ context: ., args: {{ SERVICE: {name} }} }}
    environment:
      <<: *settings{own}
    ports: ["127.0.0.1:{entry.local_port}:8080"]
"""


_TICKS = """\
  ticks:
    <<: *embedded
    command: [python, -m, tipoff_dev.stack.compose, ticks]
    environment: {{ <<: *settings }}
    depends_on:
{healthy}
"""
