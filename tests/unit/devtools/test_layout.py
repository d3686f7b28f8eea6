"""Tests of the layout of a stack on this machine."""

import json

import pytest

from tipoff_dev.fakes.sources.hosts import HOSTS
from tipoff_dev.stack.layout import SERVICES, Layout


@pytest.mark.parametrize("service", SERVICES)
def test_service_with_development_key_listens_on_localhost_only(service: str) -> None:
    environment = Layout.on_fixed_ports().service_environment(service)
    assert (environment["TIPOFF_DEVELOPMENT_KEY"], environment["TIPOFF_HOST"]) == (
        "development-key",
        "127.0.0.1",
    )


def test_live_hosts_bypass_their_fakes_and_naming_none_means_all() -> None:
    def fakes(layout: Layout) -> dict[str, str]:
        result: dict[str, str] = json.loads(
            layout.service_environment("scraper-runner")["TIPOFF_FAKE_SOURCES"]
        )
        return result

    usual = fakes(Layout.on_fixed_ports())
    assert set(usual) == set(HOSTS)
    assert set(usual.values()) == {"http://127.0.0.1:8087"}
    assert set(fakes(Layout.on_fixed_ports(("cdn.nba.com",)))) == set(HOSTS) - {"cdn.nba.com"}
    assert fakes(Layout.on_fixed_ports(None)) == {}


def test_fake_phase_2_has_an_environment_without_a_deployment() -> None:
    environment = Layout.on_fixed_ports().service_environment("phase2")
    assert environment["PORT"] == "8089"
    assert "TIPOFF_CONCURRENCY" not in environment
