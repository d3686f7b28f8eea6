"""Tests of the console's requests to the controller on Google Cloud, without a development key."""

import httpx

from tipoff_monitor.console.controller import Controller
from tipoff_monitor.settings import MonitorSettings

URL = "https://controller-1.us-central1.run.app"


def test_controller_token_has_audience_and_email() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, text="token" if request.url.host == "metadata.google.internal" else "[]")

    settings = MonitorSettings(
        environment="dev",
        project="p",
        data_bucket="d",
        state_bucket="s",
        audience="https://monitor-1.us-central1.run.app",
        push_service_account="push@p.iam.gserviceaccount.com",
        controller_url=URL,
    )
    assert Controller(settings, httpx.MockTransport(answer)).send("GET", "/pauses") == b"[]"
    metadata, controller = asked
    # Without format=full the token lacks the e-mail by which the controller identifies the caller.
    assert dict(metadata.url.params) == {"audience": URL, "format": "full"}
    assert metadata.headers["Metadata-Flavor"] == "Google"
    assert str(controller.url) == f"{URL}/pauses"
    assert controller.headers["Authorization"] == "Bearer token"
