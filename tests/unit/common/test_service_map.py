"""Tests of the map of services: accepted entries, agreement with the maps of topics and ticks."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tipoff_common.service_map import ServiceMap, load_services, map_faults, package_of
from tipoff_common.ticks import load_ticks
from tipoff_common.topics import load_topics
from tipoff_common.yaml_source import ConfigurationError

INFRA = Path(__file__).parents[3] / "infra"
TOPICS = load_topics(INFRA / "topics.yaml")
TICKS = load_ticks(INFRA / "ticks.yaml")
SERVICES: dict[str, Any] = yaml.safe_load((INFRA / "services.yaml").read_text())["services"]


def refused(folder: Path, service: str, **changed: Any) -> str:
    """Load the map with a changed entry and return its fault; a value of None removes the key."""
    services = deepcopy(SERVICES)
    entry = {**services.get(service, services["logger"]), **changed}
    services[service] = {key: value for key, value in entry.items() if value is not None}
    path = folder / "services.yaml"
    path.write_text(yaml.safe_dump({"services": services}))
    with pytest.raises(ConfigurationError) as error:
        load_services(path)
    return str(error.value)


def test_service_topic_and_tick_maps_agree() -> None:
    assert list(map_faults(load_services(INFRA / "services.yaml"), TOPICS, TICKS)) == []


def test_a_package_is_named_after_its_service() -> None:
    assert package_of("scraper-runner") == "tipoff_scraper_runner"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"datset": "read"}, "unknown key 'services.logger.datset'"),
        ({"description": None}, "key 'services.logger.description' is missing; add it"),
        ({"dataset": "reed"}, "services.logger.dataset"),
        ({"computed": ["TIPOFF_INVOKRES"]}, "services.logger.computed.0"),
        ({"timeout_seconds": 601}, "services.logger.timeout_seconds"),
        ({"local_port": 8081}, "local_port: 8081 is given to two services"),
    ],
)
def test_invalid_service_entry_is_refused_with_its_key(
    tmp_path: Path, changed: Mapping[str, Any], message: str
) -> None:
    assert message in refused(tmp_path, "logger", **changed)


def test_service_name_too_long_for_push_account_is_refused(tmp_path: Path) -> None:
    assert "services.a-service-of-eighteen" in refused(tmp_path, "a-service-of-eighteen", local_port=8099)


def services(**changed: Any) -> ServiceMap:
    return ServiceMap.model_validate({"services": {**SERVICES, **changed}})


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        (
            map_faults(services().services, TOPICS, [*TICKS, "observe"]),
            "infra/ticks.yaml: no subscription receives the tick observe",
        ),
        (
            map_faults(
                {name: it for name, it in services().services.items() if name != "cleanup"}, TOPICS, TICKS
            ),
            "infra/topics.yaml: orchestration-ticks.cleanup-ticks: infra/services.yaml has no service 'cleanup'",
        ),
        (
            map_faults(services(watcher={**SERVICES["cleanup"], "local_port": 8099}).services, TOPICS, TICKS),
            "infra/services.yaml: watcher has no subscription in infra/topics.yaml",
        ),
        (
            map_faults(
                services(cleanup={**SERVICES["cleanup"], "publishes": ["allerts"]}).services, TOPICS, TICKS
            ),
            "infra/services.yaml: cleanup.publishes: infra/topics.yaml has no topic allerts",
        ),
        (
            map_faults(
                services(cleanup={**SERVICES["cleanup"], "timeout_seconds": 301}).services, TOPICS, TICKS
            ),
            "ack_deadline_seconds 300 is below timeout_seconds 301 of cleanup",
        ),
    ],
)
def test_disagreement_between_maps_is_named(faults: Any, message: str) -> None:
    (fault,) = faults
    assert message in fault
