"""Where a stack on this machine is."""

import pytest

from tipoff_dev.stack.layout import SERVICES, Layout


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_whose_key_is_known_is_reached_from_this_machine_only(service: str) -> None:
    environment = Layout.on_fixed_ports().service_environment(service)
    assert (environment["TIPOFF_DEVELOPMENT_KEY"], environment["TIPOFF_HOST"]) == (
        "development-key",
        "127.0.0.1",
    )
