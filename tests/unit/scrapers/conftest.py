from collections.abc import Iterator
from datetime import datetime

import pytest
from fake_http import FakeHttp, HttpAt
from tests.support.scenario import SCENARIO

from tipoff_dev.fakes.sources.app import create_app
from tipoff_dev.fakes.sources.testing import in_process_client


@pytest.fixture
def http_at() -> Iterator[HttpAt]:
    def no_clock() -> datetime:
        raise AssertionError("a fake source was asked without an event time")

    with in_process_client(create_app(SCENARIO, no_clock)) as client:
        yield lambda instant: FakeHttp(client, datetime.fromisoformat(instant))
