"""Hostile external input: none of it chooses a host or leaves its folder.

Covered are parameters of every scraper, redirects, ids in events, names in addresses, keys of callers, paths in
receipts, and unreadable payloads.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.controller import World, at_times, configured, workflow
from tests.support.controller_app import in_memory_controller
from tests.support.examples import examples
from tests.support.pushes import AUTHORIZED, Receiver, push_body, pushed
from tests.support.samples import NOON, executed, requested
from tipoff_cleanup.memory import CleanupMemory
from tipoff_common.binding import Envelope, encode
from tipoff_common.events import Event, MessageRejected
from tipoff_common.push import Delivery
from tipoff_common.testing import MemoryObjects
from tipoff_controller.occurrence_store import Key, OccurrenceStore
from tipoff_planning.occurrence_log import Entry, log_execution
from tipoff_scraper_runner.cli import SCRAPERS_DIR
from tipoff_scraper_runner.errors import ScrapeFailure
from tipoff_scraper_runner.execution import Execution, execute
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.registry import load_registry
from tipoff_scraper_runner.request_memory import RequestMemory
from tipoff_scraper_runner.source_request import source_request

REGISTRY = load_registry(SCRAPERS_DIR)
HOSTS: Mapping[str, frozenset[str]] = {
    "balldontlie": frozenset({"api.balldontlie.io"}),
    "espn": frozenset({"site.api.espn.com"}),
    "nbacom": frozenset(
        {"ak-static.cms.nba.com", "cdn.nba.com", "official.nba.com", "stats.nba.com", "statsdmz.nba.com"}
    ),
    "oddsapi": frozenset({"api.the-odds-api.com"}),
}
"""The hosts that the scrapers of each source may request."""
SOUND = {
    "game_date": "2025-01-15",
    "game_id": "0022400561",
    "event_id": "0123456789abcdef0123456789abcdef",
    "team": "PHI",
    "markets": "h2h",
    "hour": "1",
    "minute": "30",
    "period": "PM",
    "as_of": "2025-01-15T17:00:00Z",
}
HOSTILE = (
    "../../../../state/x",
    "..",
    "%2e%2e%2f%2e%2e%2fx",
    "..\\..\\x",
    "//evil.example/x",
    "@evil.example/",
    ":x@evil.example/",
    "https://evil.example/",
    "?x=1",
    "#x",
    "\r\nHost: evil.example",
    "\n",
    "\0",
    "\u2044evil.example",
    "\uff0f\uff0eevil.example",
    "\u202e",
    "a" * 5000,
)
PARAMETERS = [
    (name, parameter) for name, scraper in REGISTRY.items() for parameter in sorted(scraper.spec.parameters)
]
NAME = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")


def parameters_of(scraper: str, **changed: str) -> dict[str, str]:
    declared = REGISTRY[scraper].spec.parameters
    required = {name: SOUND[name] for name, parameter in declared.items() if parameter.required}
    return {**required, **changed}


def fetch_from(
    scraper: str, parameters: Mapping[str, str], status: int
) -> tuple[list[httpx.URL], MemoryObjects]:
    """Run a request on sources that all answer with this status; return the requested URLs and written objects."""
    requested_urls: list[httpx.URL] = []
    data = MemoryObjects("data")

    def answer(request: httpx.Request) -> httpx.Response:
        requested_urls.append(request.url)
        return httpx.Response(status, text="{}")

    found = REGISTRY[scraper]
    execute(
        requested(scraper=scraper, parameters=parameters),
        found,
        environment="local",
        now=NOON,
        open_http=lambda spec, now, replaying: HttpxHttp(
            spec.model_copy(update={"retry": spec.retry.model_copy(update={"attempts": 1})}),
            now,
            Pacer(sleep=lambda _: None),
            environ=dict.fromkeys(spec.secrets, "the-planted-key"),
            transport=httpx.MockTransport(answer),
            replaying=replaying,
        ),
        data=data,
    )
    return requested_urls, data


def assert_stays_at_source(scraper: str, requested_urls: list[httpx.URL], data: MemoryObjects) -> None:
    spec = REGISTRY[scraper].spec
    for url in requested_urls:
        assert url.host in HOSTS[spec.source], str(url)
        assert (url.scheme, url.port, url.userinfo, url.fragment) == ("https", None, b"", "")
        assert ".." not in url.path.split("/")
        assert "evil" not in str(url)
    for name in data.bodies:
        assert NAME.fullmatch(name), name
        assert not {".", ".."} & set(name.split("/"))
        assert name.removeprefix("raw/").startswith(f"{spec.output_root}/2025-01-15/")


@pytest.mark.parametrize("scraper", sorted(REGISTRY))
def test_valid_request_reaches_only_hosts_of_its_source(scraper: str) -> None:
    """Without it the test below could pass without any request."""
    requested_urls, _ = fetch_from(scraper, parameters_of(scraper), 403)
    assert requested_urls
    assert_stays_at_source(scraper, requested_urls, MemoryObjects())


@pytest.mark.parametrize(("scraper", "parameter"), PARAMETERS)
def test_hostile_parameter_changes_no_host_or_folder(scraper: str, parameter: str) -> None:
    for hostile in HOSTILE:
        for value in (hostile, SOUND[parameter] + hostile, hostile + SOUND[parameter]):
            assert_stays_at_source(
                scraper, *fetch_from(scraper, parameters_of(scraper, **{parameter: value}), 200)
            )


@given(value=st.text(max_size=40), at=st.sampled_from(PARAMETERS))
def test_any_parameter_text_changes_no_host_or_folder(value: str, at: tuple[str, str]) -> None:
    scraper, parameter = at
    assert_stays_at_source(scraper, *fetch_from(scraper, parameters_of(scraper, **{parameter: value}), 200))


@pytest.mark.parametrize("cursor", ["../../x", "&page=2", "#x", "//evil.example", "\r\nHost: x"])
def test_cursor_from_payload_stays_in_query(cursor: str) -> None:
    requested_urls: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requested_urls.append(request.url)
        meta = {} if requested_urls[1:] else {"next_cursor": cursor}
        return httpx.Response(200, json={"data": [], "meta": meta})

    scraper = REGISTRY["bdl_injuries"]
    environ = {"BALLDONTLIE_API_KEY": "the-planted-key"}
    transport = httpx.MockTransport(answer)
    pacer = Pacer(sleep=lambda _: None)
    with HttpxHttp(scraper.spec, NOON, pacer, environ=environ, transport=transport) as http:
        scraper.module.fetch(scraper.module.Parameters(game_date="2025-01-15"), http)
    assert [(url.host, url.path, set(url.params)) for url in requested_urls] == [
        ("api.balldontlie.io", "/v1/player_injuries", {"per_page"}),
        ("api.balldontlie.io", "/v1/player_injuries", {"per_page", "cursor"}),
    ]
    assert requested_urls[1].params["cursor"] == cursor


# Redirects


def redirected(location: str, requested_url: str = "https://source.example/data") -> httpx.URL | None:
    """Return the target of a redirect as the client reads it; None when the client does not follow it."""
    request = source_request(requested_url, {}, {})
    try:
        return httpx.URL(request.redirected(location, shown=location).url)
    except (ScrapeFailure, httpx.InvalidURL):
        return None


@pytest.mark.parametrize(
    "location",
    [
        "http://source.example/data",
        "http://169.254.169.254/computeMetadata/v1/",
        "https://metadata.google.internal/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "https://10.0.0.1/",
        "//evil.example/",
        "https://source.example.evil.example/",
        "https://source.example@evil.example/",
        "https://evil.example\\@source.example/",
        "https://source.example\\.evil.example/",
        "https://source.example:8443/",
        "\thttps://evil.example/",
        " https://evil.example/",
        "ht\ntps://evil.example/",
        "https://source\u3002example/",
        "file:///etc/passwd",
        "gopher://source.example/",
    ],
)
def test_redirect_to_another_origin_is_not_followed(location: str) -> None:
    assert redirected(location) is None


@pytest.mark.parametrize(
    ("requested_url", "location", "followed"),
    [
        ("http://source.example/data", "https://source.example/data", True),
        ("http://source.example:80/data", "https://source.example:443/data", True),
        ("http://source.example/data", "https://SOURCE.example/data", True),
        ("http://source.example/data", "https://source.example:8443/data", False),
        ("http://source.example/data", "https://source.example:80/data", False),
        ("http://source.example/data", "https://source.example:0/data", False),
        ("http://source.example:8080/data", "https://source.example/data", False),
        ("http://source.example:8080/data", "https://source.example:8443/data", False),
        ("http://source.example/data", "https://user:word@source.example/data", False),
        ("http://source.example/data", "https://evil.example/data", False),
    ],
)
def test_redirect_to_tls_is_followed_between_default_ports_only(
    requested_url: str, location: str, followed: bool
) -> None:
    assert (redirected(location, requested_url) is not None) is followed


@given(
    st.one_of(
        st.text(max_size=30),
        st.lists(
            st.sampled_from(
                [
                    "https:",
                    "http:",
                    "/",
                    "\\",
                    "@",
                    ":",
                    "source.example",
                    "evil.example",
                    "?",
                    "#",
                    "\t",
                    ".",
                ]
            ),
            max_size=8,
        ).map("".join),
    )
)
def test_followed_redirect_keeps_scheme_and_host(location: str) -> None:
    """Two libraries parse the address: one to check it, one to request it."""
    target = redirected(location)
    if target is not None:
        assert (target.scheme, target.host, target.port, target.userinfo) == (
            "https",
            "source.example",
            None,
            b"",
        )


# Ids, which become parts of names


def names_after(event: Event) -> Iterator[str]:
    """Yield the names of all objects that the services would write for a pushed event."""
    receiver = Receiver()
    assert receiver.post(pushed(Envelope(event, "id", "/tipoff/test", NOON))).status_code == 204
    yield from receiver.state.bodies
    for delivery in receiver.received:
        state = MemoryObjects()
        keep(delivery, state)
        yield from state.bodies


def keep(delivery: Delivery, state: MemoryObjects) -> None:
    event: Any = delivery.event
    if hasattr(event, "requested_at"):
        RequestMemory(state).remember(event, Execution(executed(), None))
    else:
        store = OccurrenceStore(state, ("game_id",))
        known = store.load(Key(event.game_date, event.occurrence_id or "-"))
        store.append(known, Entry(at=NOON, executions=(log_execution(event, ("game_id",)),)))


ALLOWED = re.compile(
    r"dead-letters/[0-9a-f]{64}"
    r"|runner/outcomes/2025-01-15/[\w-]{1,100}\.json"
    r"|controller/occurrences/2025-01-15/[\w-]{1,100}/\d{6}\.json",
    re.ASCII,
)


@pytest.mark.parametrize("field", ["request_id", "occurrence_id", "execution_id", "scraper", "scraper_name"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_id_in_event_stays_in_its_folder(field: str, hostile: str) -> None:
    sound = requested() if field in ("request_id", "occurrence_id", "scraper") else executed()
    names = list(names_after(sound.model_copy(update={field: hostile})))
    assert names
    assert [name for name in names if not ALLOWED.fullmatch(name) or len(name.encode()) > 1024] == []


@given(st.text(max_size=120))
@settings(max_examples=examples(30))
def test_any_request_id_is_valid_or_recorded_as_rejected(hostile: str) -> None:
    event = requested().model_copy(update={"request_id": hostile})
    data, attributes = encode(Envelope(event, "id", "/tipoff/test", NOON))
    receiver = Receiver()
    assert receiver.post(push_body(data, attributes)).status_code == 204
    if receiver.received:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", hostile, re.ASCII)
    else:
        (rejection,) = receiver.bus.of(MessageRejected)
        assert rejection.reason == "invalid_payload"
        assert "request_id" in rejection.detail


# Names in addresses, and keys of callers


@pytest.fixture
def controller() -> tuple[World, httpx.Client]:
    world = World(configured(one=workflow(at_times("06:00"), "bulletin")))
    return world, in_memory_controller(world.deps)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_workflow_name_is_refused_and_writes_nothing(
    controller: tuple[World, httpx.Client], hostile: str
) -> None:
    world, http = controller
    body = {"game_date": "2025-01-15"}
    answer = http.post(f"/workflows/{quote(hostile, safe='')}/runs", json=body, headers=AUTHORIZED)
    assert answer.status_code in (404, 405)
    assert (world.state.bodies, world.bus.published) == ({}, [])


@pytest.mark.parametrize("hostile", [text for text in HOSTILE if text.isascii() and text.isprintable()])
def test_idempotency_key_is_not_part_of_object_names(
    controller: tuple[World, httpx.Client], hostile: str
) -> None:
    world, http = controller
    headers = {**AUTHORIZED, "Idempotency-Key": hostile}
    answer = http.post("/workflows/one/runs", json={"game_date": "2025-01-15"}, headers=headers)
    if len(hostile) > 200:
        assert answer.status_code == 422
        return
    assert answer.status_code == 202
    uuid = "[0-9a-f-]{36}"
    of_the_day = rf"days/2025-01-15/occurrences/{uuid}/(plan|requests/{uuid})"
    known = rf"controller/((manual/{uuid}|{of_the_day})\.json|runs/[0-9-]{{10}}/{uuid}/2025-01-15)"
    assert world.state.bodies
    assert [name for name in world.state.bodies if not re.fullmatch(known, name)] == []


# Paths in events, and unreadable payloads


@given(st.text(max_size=200))
def test_event_path_is_not_part_of_object_names(path: str) -> None:
    state = MemoryObjects()
    CleanupMemory(state).mark_republish(path, 1, NOON)
    (name,) = state.bodies
    assert re.fullmatch(
        r"cleanup/files/(undated|[0-9]{4}-[0-9]{2}-[0-9]{2})/[0-9a-f]{64}/republish-0001", name
    )


@settings(max_examples=examples(30))
@given(st.text(max_size=50), st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3))
def test_unreadable_push_is_stored_under_its_hash(text: str, attributes: Mapping[str, str]) -> None:
    receiver = Receiver()
    body = json.dumps({"message": {"data": text, "attributes": attributes, "messageId": text}}).encode()
    assert receiver.post(body).status_code == 204
    (name,) = receiver.state.bodies
    assert re.fullmatch(r"dead-letters/[0-9a-f]{64}", name)
