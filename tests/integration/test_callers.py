"""Responses to callers: users who request a run, Pub/Sub with unreadable messages, and unauthenticated callers."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from uuid import uuid4

import pytest
from stack_harness import INJURIES, SCHEDULE, Driver, last_report, push_body, summary

from tipoff_common.authenticated_routes import BODY_LIMIT as BY_HAND_LIMIT
from tipoff_common.push import BODY_LIMIT

SERVICES = ("controller", "scraper-runner", "cleanup", "logger")
RUNS = "/workflows/morning_operations/runs"
EXECUTIONS = f"/scrapers/{INJURIES}/executions"
MANUAL = [("controller", RUNS), ("scraper-runner", EXECUTIONS)]


def _events(driver: Driver) -> str:
    return f"/events?token={driver.stack.layout.development_key}"


# Unreadable messages


@pytest.mark.parametrize(
    ("detail", "body"),
    [
        ("JSON", b"this is no JSON"),
        ("not base64", json.dumps(push_body("%%%")).encode()),
        ("ce-type", json.dumps(push_body(b'{"a": 1}')).encode()),
    ],
    ids=["no JSON", "no base64", "no attributes"],
)
@pytest.mark.parametrize("service", SERVICES)
def test_unreadable_push_is_acknowledged_and_recorded_with_reason(
    driver: Driver, service: str, detail: str, body: bytes
) -> None:
    marker = uuid4().hex.encode()
    body = body.replace(b"this", marker).replace(b'"a"', b'"%s"' % marker).replace(b"test-", marker)
    answer = driver.post(service, _events(driver), key="", data=body)
    assert (answer.status_code, answer.content) == (204, b"")
    (letter,) = driver.dead_letters(
        "service = @service AND (message_id LIKE @marker OR payload_head LIKE @marker)",
        service=service,
        marker=f"%{marker.decode()}%",
    )
    assert letter["reason"] == "undecodable"
    assert detail in letter["detail"]
    kept = driver.stack.state.get(letter["payload_path"].removeprefix(f"gs://{driver.stack.state.bucket}/"))
    assert kept is not None
    assert hashlib.sha256(kept).hexdigest() == letter["payload_sha256"]


def test_push_body_over_limit_is_413_and_recorded(driver: Driver) -> None:
    body = uuid4().hex.encode() * ((BODY_LIMIT + 2**20) // 32)
    answer = driver.post("logger", _events(driver), key="", data=body)
    assert answer.status_code == 413
    assert str(BODY_LIMIT) in answer.json()["detail"]
    digest = hashlib.sha256(body[:BODY_LIMIT]).hexdigest()
    (letter,) = driver.dead_letters("payload_sha256 = @digest", digest=digest)
    assert (letter["reason"], letter["payload_bytes"]) == ("oversized", BODY_LIMIT)


# Unauthenticated callers


@pytest.mark.parametrize("service", SERVICES)
def test_push_without_token_is_401_and_with_wrong_token_403(driver: Driver, service: str) -> None:
    body = push_body(b"{}")
    assert driver.post(service, "/events", key="", json=body).status_code == 401
    assert driver.post(service, "/events?token=guessed", key="", json=body).status_code == 403
    assert driver.post(service, "/events", key="guessed", json=body).status_code == 403


@pytest.mark.parametrize(("service", "path"), MANUAL)
def test_manual_run_requires_authorization_header(driver: Driver, day: date, service: str, path: str) -> None:
    body = {"game_date": day.isoformat()}
    assert driver.post(service, path, key="", json=body).status_code == 401
    assert driver.post(service, path, key="guessed", json=body).status_code == 403
    # The key may be in a push's URL because emulators send no header; other callers have to send the header.
    in_url = f"{path}?token={driver.stack.layout.development_key}"
    assert driver.post(service, in_url, key="", json=body).status_code == 401


@pytest.mark.parametrize(("service", "path"), MANUAL)
@pytest.mark.parametrize(
    "body", [b"no JSON", b"{}", b"x" * (BY_HAND_LIMIT + 1)], ids=["no JSON", "{}", "large"]
)
def test_authentication_is_checked_before_body(driver: Driver, service: str, path: str, body: bytes) -> None:
    assert driver.post(service, path, key="", data=body).status_code == 401
    assert driver.post(service, path, key="guessed", data=body).status_code == 403


def test_unauthenticated_response_names_bearer_scheme(driver: Driver) -> None:
    answer = driver.post("controller", RUNS, key="", data=b"")
    assert "Authorization: Bearer" in answer.json()["detail"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("service", "path"), MANUAL)
def test_chunked_body_over_limit_is_413(driver: Driver, service: str, path: str) -> None:
    chunks = (b"x" * 4096 for _ in range(BY_HAND_LIMIT // 4096 + 1))
    assert driver.post(service, path, data=chunks).status_code == 413


# Unknown names and faulty requests


@pytest.mark.parametrize(
    ("service", "path", "known"),
    [
        ("controller", "/workflows/morning_operation/runs", ["did you mean", "morning_operations"]),
        ("controller", "/workflows/zzzz/runs", ["morning_operations", "injury_discovery"]),
        ("scraper-runner", "/scrapers/injury_report/executions", ["did you mean", INJURIES]),
        ("scraper-runner", "/scrapers/zzzz/executions", [SCHEDULE, INJURIES]),
    ],
)
def test_unknown_name_is_404_with_suggestions(
    driver: Driver, day: date, service: str, path: str, known: list[str]
) -> None:
    answer = driver.post(service, path, json={"game_date": day.isoformat()})
    assert answer.status_code == 404
    assert [name for name in known if name in answer.json()["detail"]] == known


def test_unknown_scraper_of_workflow_is_422_with_known_scrapers(driver: Driver, day: date) -> None:
    answer = driver.post("controller", RUNS, json={"game_date": day.isoformat(), "scrapers": [INJURIES]})
    assert answer.status_code == 422
    assert SCHEDULE in str(answer.json()["detail"])


@pytest.mark.parametrize(("service", "path"), MANUAL)
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"game_date": "15.01.2025"}, "game_date"),
        ({"game_date": "2025-02-30"}, "game_date"),
        ({}, "game_date"),
        ({"game_date": "2025-01-15", "source": "CONTROLLER"}, "source"),
    ],
)
def test_invalid_request_is_422_and_names_the_field(
    driver: Driver, service: str, path: str, body: dict[str, str], field: str
) -> None:
    """The last case: a caller cannot set the source of a run."""
    answer = driver.post(service, path, json=body)
    assert answer.status_code == 422
    assert field in str(answer.json()["detail"])


def test_invalid_scraper_parameter_is_422_and_named(driver: Driver, day: date) -> None:
    body = {"game_date": day.isoformat(), "parameters": {"hour": "13", "period": "PM"}}
    answer = driver.post("scraper-runner", EXECUTIONS, json=body)
    assert answer.status_code == 422
    assert "hour" in str(answer.json()["detail"])


# Valid requests


def test_manual_workflow_run_is_logged_as_manual(driver: Driver, day: date) -> None:
    decided = driver.run_workflow("morning_operations", day)
    (request,) = decided["requests"]
    (execution,) = driver.executions(day, SCHEDULE)
    assert (execution["execution_id"], execution["source"]) == (request["request_id"], "MANUAL")
    assert execution["triggered_by"] == "developer@localhost"
    assert execution["status"] == "success"


def test_repeated_idempotency_key_gives_a_single_execution(driver: Driver, day: date) -> None:
    key = {"Idempotency-Key": f"again-{day}"}
    first, second = (driver.run_workflow("morning_operations", day, **key) for _ in range(2))
    ids = [[request["request_id"] for request in run["requests"]] for run in (first, second)]
    assert ids[0] == ids[1]
    other = driver.run_workflow("morning_operations", day, **{"Idempotency-Key": f"other-{day}"})
    rows = driver.executions(day, SCHEDULE, count=2)
    expected = {first["requests"][0]["request_id"], other["requests"][0]["request_id"]}
    assert {row["execution_id"] for row in rows} == expected
    assert len(rows) == 2


def test_manual_scraper_run_returns_execution_logged_as_cloud_run(driver: Driver, day: date) -> None:
    key = {"Idempotency-Key": f"again-{day}"}
    body = {"game_date": day.isoformat(), "parameters": {"hour": "11", "period": "PM"}}
    first = driver.post("scraper-runner", EXECUTIONS, json=body, headers=key)
    second = driver.post("scraper-runner", EXECUTIONS, json=body, headers=key)
    assert first.status_code == 200, first.text
    assert first.json() == second.json()
    assert driver.request_count(last_report(day)) == 1, "the second was answered without asking the source"
    (row,) = driver.executions(day, INJURIES)
    assert (row["execution_id"], row["source"]) == (first.json()["execution_id"], "CLOUD_RUN")
    assert row["status"] == first.json()["outcome"]["status"] == "success"
    assert summary(row)["record_count"] == first.json()["outcome"]["record_count"]


def test_dry_run_publishes_and_stores_nothing(embedded: Driver, day: date) -> None:
    before = _known(embedded)
    body = {"game_date": day.isoformat()}
    answer = embedded.post("controller", f"{RUNS}?dry_run=true", json=body)
    assert answer.ok, answer.text
    (decision,), (request,) = answer.json()["decisions"], answer.json()["requests"]
    assert (decision["action"], request["scraper"], request["game_date"]) == ("RUN", SCHEDULE, str(day))
    # A real run follows: once its rows are there, rows of the dry run would be too.
    embedded.run_workflow("morning_operations", day)
    (execution,) = embedded.executions(day, SCHEDULE)
    embedded.settle()
    assert execution["execution_id"] != request["request_id"]
    assert len(embedded.executions(day, SCHEDULE)) == 1
    sql = "SELECT 1 FROM nba_orchestration.workflow_decisions WHERE decision_id = @id"
    assert embedded.rows(sql, id=decision["decision_id"]) == []
    assert [name for name in _known(embedded) - before if request["request_id"] in name] == []


def _known(driver: Driver) -> set[str]:
    return {info.name for info in driver.stack.state.list("controller/")}
