"""Tests of access to the console: readers, operators, and no action by a GET or by another site's form."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.console import BEARER, KEY, World, an_incident, client_of, sign_in
from tipoff_monitor.console.login import local_path
from tipoff_monitor.console.views import VIEWS

ACTIONS = {
    "/actions/trigger": {"workflow": "injury_discovery", "date": "2026-01-15", "key": "k"},
    "/actions/pause": {"workflow": "injury_discovery", "hours": "2", "why": "known"},
    "/actions/resume": {"workflow": "injury_discovery"},
    "/actions/backfill": {"date": "2026-01-15"},
    "/actions/replay": {"id": "dead-1"},
    "/actions/acknowledge": {"incident": "broken/odds_snapshots"},
    "/actions/silence": {"rule": "broken", "hours": "1", "why": "known"},
    "/actions/unsilence": {"silence": "x"},
}


@pytest.fixture
def world() -> World:
    world = World()
    world.remember(an_incident())
    return world


@pytest.fixture
def client(world: World) -> httpx.Client:
    return client_of(world)


def test_page_without_session_redirects_to_login_with_return_path(client: httpx.Client) -> None:
    answer = client.get("/workflows/injury_discovery?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fworkflows%2Finjury_discovery%3Fx%3D1"
    assert client.get("/today.json").status_code == 401


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "", "/a\nb"],
)
def test_login_redirects_only_to_local_paths(target: str) -> None:
    assert local_path(target) == "/"


def test_session_cookie_is_strict_expires_and_cannot_be_forged(client: httpx.Client, world: World) -> None:
    sign_in(client)
    answer = client.post("/login", data={"key": KEY, "csrf": client.cookies["tipoff_csrf"]})
    cookie = answer.headers["set-cookie"]
    assert "SameSite=strict" in cookie and "HttpOnly" in cookie
    assert KEY not in cookie
    assert client.get("/").status_code == 200
    session = client.cookies["tipoff_session"]
    client.cookies.set("tipoff_session", session.replace("operator", "viewer"))
    assert client.get("/").status_code == 303
    client.cookies.set("tipoff_session", session)
    world.now += timedelta(hours=13)
    assert client.get("/").status_code == 303


def test_a_wrong_key_is_refused(client: httpx.Client) -> None:
    client.get("/login")
    answer = client.post("/login", data={"key": "guess", "csrf": client.cookies["tipoff_csrf"]})
    assert answer.status_code == 403
    assert "tipoff_session" not in client.cookies


def test_bearer_token_is_accepted_instead_of_session(client: httpx.Client) -> None:
    assert client.get("/today.json", headers=BEARER).status_code == 200
    assert client.get("/", headers={"Authorization": "Bearer guess"}).status_code == 403


def test_every_response_forbids_third_party_and_inline_scripts(client: httpx.Client) -> None:
    for path in ("/login", "/", "/nothing", "/today.json"):
        policy = client.get(path, headers=BEARER).headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
    sign_in(client)
    html = client.get("/").text
    assert not re.search(r"<[^>]+\s(style|on\w+)=", html)
    assert not re.search(r"<script(?![^>]*\ssrc=)", html)


@pytest.mark.parametrize("path", ACTIONS)
def test_action_without_csrf_token_or_from_another_site_is_refused_without_effect(
    path: str, client: httpx.Client, world: World
) -> None:
    sign_in(client)
    before = dict(world.objects.bodies)
    for token in (None, "", "forged", "x" * 5000):
        form = {**ACTIONS[path], **({} if token is None else {"csrf": token})}
        assert client.post(path, data=form).status_code == 403
    form = {**ACTIONS[path], "csrf": client.cookies["tipoff_csrf"]}
    assert client.post(path, data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert (world.objects.bodies, world.controller_requests, world.published, world.bus.published) == (
        before,
        [],
        [],
        [],
    )


@pytest.mark.parametrize("path", ACTIONS)
def test_viewer_action_is_refused_with_the_required_setting(
    path: str, client: httpx.Client, world: World
) -> None:
    token = sign_in(client, "viewer")
    before = dict(world.objects.bodies)
    answer = client.post(path, data={**ACTIONS[path], "csrf": token})
    assert answer.status_code == 403
    assert "TIPOFF_INVOKERS" in answer.text
    assert client.get(path, params=ACTIONS[path]).status_code == 403
    assert (world.objects.bodies, world.controller_requests, world.published) == (before, [], [])


def test_get_requests_change_nothing(client: httpx.Client, world: World) -> None:
    sign_in(client)
    before = dict(world.objects.bodies)
    paths = [view.path.format(name="injury_discovery") for view in VIEWS]
    for path in [*paths, *(f"{path}.json" for path in paths), *ACTIONS]:
        client.get(path, params=ACTIONS.get(path, {}))
    actions = [request for request in world.controller_requests if request.method != "GET"]
    assert (world.objects.bodies, actions, world.published, world.bus.published) == (before, [], [], [])


def test_on_google_cloud_viewers_read_and_invokers_act(world: World) -> None:
    settings: dict[str, Any] = {
        "environment": "prod",
        "development_key": None,
        "audience": "https://monitor.example",
        "push_service_account": "push@p.iam.gserviceaccount.com",
        "invokers": ("ops@example.com",),
        "viewers": ("look@example.com",),
    }
    who: dict[str, str] = {}

    def verify(_token: str) -> dict[str, object]:
        return {"email": who["email"], "email_verified": True}

    client = client_of(world, verify=verify, **settings)
    assert client.get("/").status_code == 401
    assert client.get("/login").status_code == 404
    expected = {"ops@example.com": (200, 200), "look@example.com": (200, 403), "else@example.com": (403, 403)}
    for email, (page, action) in expected.items():
        who["email"] = email
        headers = {"Authorization": "Bearer t"}
        assert client.get("/", headers=headers).status_code == page
        path = "/actions/silence?rule=broken"
        assert client.get(path, headers=headers).status_code == action
    # The proxy's header counts only where the settings name the proxy.
    assert client.get("/", headers={"x-goog-iap-jwt-assertion": "a.b.c"}).status_code == 401
