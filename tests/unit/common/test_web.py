"""Tests of the application that every service is built on."""

import asyncio
import os
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from tests.support.pushes import client
from tipoff_common import __version__, web
from tipoff_common.ports import Overloaded, PermanentRefusal, Unavailable
from tipoff_common.push import Acknowledged
from tipoff_common.settings import ServiceSettings, load_settings, require_settings
from tipoff_common.testing import MemoryObjects
from tipoff_common.yaml_source import ConfigurationError


def app(**checks: Callable[[], None]) -> FastAPI:
    return web.create_app(
        service="logger", description="Records.", environment="local", config_hash="abc123", checks=checks
    )


@pytest.mark.parametrize("path", ["/healthz", "/health"])
def test_health_reports_version_and_configuration(path: str) -> None:
    """The wrong image answered for three days (incident 26)."""
    with client(app()) as http:
        answer = http.get(path)
    assert answer.status_code == 200
    assert answer.json() == {
        "service": "logger",
        "version": __version__,
        "commit": None,
        "config_hash": "abc123",
        "config_files": [],
        "environment": "local",
    }


def test_health_lists_hashed_config_files() -> None:
    """Four hashes in five services looked like the fault on a night on which versions differed."""
    files = [Path("infra/topics.yaml"), Path("a/one/scraper.yaml"), Path("a/two/scraper.yaml")]
    made = web.create_app(
        service="s", description="", environment="local", config_hash="h", checks={}, config_files=files
    )
    with client(made) as http:
        assert http.get("/healthz").json()["config_files"] == ["topics.yaml", "scraper.yaml"]


def test_health_does_not_depend_on_the_cloud() -> None:
    """A restart does not help when a bucket is down."""
    with client(app(state=MemoryObjects(down=True).check)) as http:
        assert http.get("/healthz").status_code == 200


class Body(BaseModel):
    day: str


class Dated(BaseModel):
    game_date: date


@pytest.mark.parametrize(
    ("content_type", "status", "message"),
    [
        (None, 415, "Content-Type: missing; send the body as application/json"),
        ("text/plain", 415, "Content-Type: 'text/plain' is not JSON; send the body as application/json"),
        ("application/json; charset=utf-8", 422, "Field required"),
        ("application/vnd.api+json", 422, "Field required"),
    ],
)
def test_non_json_content_type_is_415_with_remedy(
    content_type: str | None, status: int, message: str
) -> None:
    taking = app()

    @taking.post("/bodies")
    def take(body: Body) -> str:
        return body.day

    headers = {"content-type": content_type} if content_type else {}
    with client(taking) as http:
        answer = http.post("/bodies", content=b"{}", headers=headers)
    assert answer.status_code == status
    assert message in answer.text


def test_invalid_body_is_422_with_expected_form() -> None:
    taking = app()

    @taking.post("/dates")
    def take(body: Dated) -> date:
        return body.game_date

    with client(taking) as http:
        answer = http.post("/dates", json={"game_date": "15.1.2025"})
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert (fault["loc"], fault["msg"]) == (["body", "game_date"], "not a date; write 2025-01-15")


@pytest.mark.parametrize(("environment", "status"), [("local", 200), ("dev", 404), ("prod", 404)])
@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_api_docs_are_served_only_in_local_environment(path: str, environment: str, status: int) -> None:
    described = web.create_app(
        service="logger", description="", environment=environment, config_hash="abc123", checks={}
    )
    with client(described) as http:
        assert http.get(path).status_code == status


def test_readiness_names_unreachable_dependency() -> None:
    with client(app(state=MemoryObjects(down=True).check, data=MemoryObjects().check)) as http:
        answer = http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"state": "bucket state is down", "data": "ok"}


@pytest.mark.parametrize("path", ["/readyz", "/ready"])
def test_service_with_reachable_dependencies_is_ready(path: str) -> None:
    with client(app(data=MemoryObjects().check)) as http:
        answer = http.get(path)
    assert (answer.status_code, answer.json()["checks"]) == (200, {"data": "ok"})


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (Acknowledged(), 204),
        (Unavailable("the bus is down"), 503),
        (PermanentRefusal("a name of 1,100 bytes"), 422),
    ],
)
def test_handler_exception_sets_response_status(raised: Exception, status: int) -> None:
    """2xx means that the effect is durable; 503 requests another delivery."""
    application = app()

    @application.post("/events")
    def receive() -> None:
        raise raised

    with client(application) as http:
        assert http.post("/events").status_code == status


@pytest.mark.parametrize(
    ("raised", "after"), [(Overloaded("too much waits"), "5"), (Unavailable("down"), None)]
)
def test_overload_response_has_retry_after(raised: Exception, after: str | None) -> None:
    application = app()

    @application.post("/events")
    def receive() -> None:
        raise raised

    with client(application) as http:
        answer = http.post("/events")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, after)


def test_unforeseen_check_error_is_503_with_its_text() -> None:
    def check() -> None:
        raise KeyError("surprise")

    with client(app(state=check, data=MemoryObjects().check)) as http:
        answer = http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"state": "KeyError: 'surprise'", "data": "ok"}


def test_unforeseen_handler_error_is_not_acknowledged() -> None:
    """A 204 in `except Exception` would lose the message."""
    application = app()

    @application.post("/events")
    def receive() -> None:
        raise KeyError("surprise")

    with client(application) as http, pytest.raises(KeyError, match="surprise"):
        http.post("/events")


class TestServe:
    @pytest.fixture(autouse=True)
    def _environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in os.environ:
            if name.startswith("TIPOFF_"):
                monkeypatch.delenv(name)
        monkeypatch.setattr(web, "configure_logs", lambda *_: None)

    def test_missing_settings_exit_2_with_variable_names(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            require_settings("logger", ServiceSettings)
        assert ended.value.code == 2
        assert "tipoff logger: cannot start\n" in (output := capsys.readouterr().err)
        assert "TIPOFF_PROJECT: missing; set it" in output

    @pytest.fixture
    def _configured(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {
            "TIPOFF_ENVIRONMENT": "local",
            "TIPOFF_PROJECT": "p",
            "TIPOFF_DATA_BUCKET": "d",
            "TIPOFF_STATE_BUCKET": "s",
            "TIPOFF_DEVELOPMENT_KEY": "k",
        }.items():
            monkeypatch.setenv(name, value)

    @pytest.mark.usefixtures("_configured")
    def test_service_listens_on_configured_host(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TIPOFF_HOST", "127.0.0.7")
        listened: dict[str, object] = {}
        monkeypatch.setattr(web.uvicorn, "run", lambda _app, **options: listened.update(options))
        # The real function would tune this process's garbage collector for all later tests.
        monkeypatch.setattr(web, "spare_the_collector", lambda: listened.update(spared=True))
        web.serve("logger", load_settings(ServiceSettings), lambda _: app())
        assert (listened["host"], listened["port"], listened["spared"]) == ("127.0.0.7", 8080, True)

    @pytest.mark.usefixtures("_configured")
    def test_configuration_fault_exits_2_with_file_and_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        def build(_settings: ServiceSettings) -> FastAPI:
            raise ConfigurationError(["topics.yaml:3: unknown key"])

        with pytest.raises(SystemExit) as ended:
            web.serve("logger", load_settings(ServiceSettings), build)
        assert ended.value.code == 2
        assert "topics.yaml:3: unknown key" in capsys.readouterr().err


def test_concurrent_handlers_are_limited_to_configured_threads() -> None:
    """The local stack pushes every waiting message; Cloud Run would stop at the service's concurrency."""
    service = web.create_app(
        service="logger", description="Records.", environment="local", config_hash="c", checks={}, threads=3
    )
    running, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(3)

    @service.get("/work")
    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        full.wait(10)  # returns only while three handlers run, so all three threads are used
        with lock:
            running -= 1

    async def nine_calls() -> list[int]:
        transport = httpx.ASGITransport(service)
        async with (
            service.router.lifespan_context(service),
            httpx.AsyncClient(transport=transport, base_url="http://service") as http,
        ):
            answers = await asyncio.gather(*(http.get("/work") for _ in range(9)))
            return [answer.status_code for answer in answers]

    assert asyncio.run(nine_calls()) == [200] * 9
    assert most == 3
