"""Dead letters, listed and published again from the command line."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from google.cloud.pubsub_v1 import SubscriberClient
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, RetryPolicy, Subscription
from stack_harness import INJURIES, Driver, last_report, until

from tipoff_common.binding import Envelope, encode
from tipoff_common.events import ScrapeRequested
from tipoff_common.wall_clock import wall_now
from tipoff_dev.stack.layout import PROJECT


def _request(driver: Driver, day: date) -> ScrapeRequested:
    """Return a request as the controller creates it, without publishing it."""
    runs = "/workflows/injury_discovery/runs?dry_run=true"
    answer = driver.post("controller", runs, json={"game_date": day.isoformat()})
    (drafted,) = answer.json()["requests"]
    return ScrapeRequested.model_validate(drafted)


def _message(request: ScrapeRequested) -> tuple[bytes, dict[str, str]]:
    return encode(Envelope(request, request.id, "/tipoff/controller", wall_now()))


def _letter(driver: Driver, request: ScrapeRequested) -> dict[str, Any]:
    (letter,) = driver.dead_letters("JSON_VALUE(attributes, '$.\"ce-id\"') = @id", id=request.id)
    return letter


@contextmanager
def _doomed(driver: Driver, request: ScrapeRequested) -> Iterator[None]:
    """Run a subscription that delivers one request five times to a closed port."""
    with driver.stack.clients():
        client = SubscriberClient()
    with socket.socket() as shut:
        shut.bind(("127.0.0.1", 0))
        name = client.subscription_path(PROJECT, f"doomed-{request.request_id}")
        client.create_subscription(
            request=Subscription(
                name=name,
                topic=f"projects/{PROJECT}/topics/scrape-requests",
                push_config=PushConfig(push_endpoint=f"http://127.0.0.1:{shut.getsockname()[1]}/"),
                filter=f'attributes."ce-id" = "{request.id}"',
                retry_policy=RetryPolicy(minimum_backoff=Duration(), maximum_backoff=Duration()),
                dead_letter_policy=DeadLetterPolicy(
                    dead_letter_topic=f"projects/{PROJECT}/topics/dead-letters", max_delivery_attempts=5
                ),
            )
        )
        try:
            yield
        finally:
            client.delete_subscription(subscription=name)
            client.close()


def test_request_out_of_attempts_is_dead_letter_and_failed_execution(driver: Driver, day: date) -> None:
    request = _request(driver, day)
    data, attributes = _message(request)
    with driver.down("scraper-runner"), _doomed(driver, request):
        driver.publish_raw("scrape-requests", data, **attributes)
        letter = _letter(driver, request)
        (execution,) = driver.executions(day, INJURIES)
    assert (letter["reason"], letter["delivery_attempts"]) == ("delivery_attempts", 5)
    assert letter["subscription"] == f"doomed-{request.request_id}"
    assert execution["execution_id"] == request.request_id
    assert (execution["status"], execution["error_type"]) == ("failed", "timeout")
    assert "no delivery attempts are left" in execution["error_message"]
    shown = json.loads(driver.tipoff("dead-letters", "show", letter["event_id"], "--json"))
    assert ScrapeRequested.model_validate_json(shown["payload"]) == request
    listed = json.loads(driver.tipoff("dead-letters", "list", "--reason", "delivery_attempts", "--json"))
    assert letter["event_id"] in [item["event_id"] for item in listed]


def test_replay_keeps_ids_and_second_replay_fetches_nothing(embedded: Driver, day: date) -> None:
    request = _request(embedded, day)
    data, attributes = _message(request)
    died = {
        "CloudPubSubDeadLetterSourceSubscription": "runner-requests",
        "CloudPubSubDeadLetterSourceDeliveryCount": "100",
    }
    embedded.publish_raw("dead-letters", data, **attributes, **died)
    letter = _letter(embedded, request)
    (execution,) = embedded.executions(day, INJURIES)
    assert execution["status"] == "failed"

    plan = json.loads(embedded.tipoff("dead-letters", "replay", letter["event_id"], "--dry-run", "--json"))
    assert [(item["topic"], item["ce_id"]) for item in plan["messages"]] == [("scrape-requests", request.id)]
    embedded.settle()
    assert embedded.request_count(last_report(day)) == 0, "a dry run publishes nothing"

    with embedded.subscribed("scrape-requests") as taken:
        assert "published 1" in embedded.tipoff("dead-letters", "replay", letter["event_id"], "--yes")
        (sent,) = until(
            lambda: [item for item in taken() if item.attributes["ce-id"] == request.id], "the request"
        )
    assert (sent.data, dict(sent.attributes)) == (data, attributes)
    (execution,) = until(
        lambda: [row for row in embedded.executions(day, INJURIES) if row["status"] == "success"],
        "what came of it",
    )
    assert execution["execution_id"] == request.request_id

    embedded.tipoff("dead-letters", "replay", letter["event_id"], "--yes")
    embedded.settle()
    (execution,) = embedded.executions(day, INJURIES)
    assert (execution["execution_id"], execution["status"]) == (request.request_id, "success")
    assert embedded.request_count(last_report(day)) == 1


def test_replay_of_message_without_type_is_refused_with_reason(driver: Driver, day: date) -> None:
    driver.publish_raw("scrape-executions", f"no event of {day}".encode())
    (letter, *_) = driver.dead_letters("payload_head = @head", head=f"no event of {day}")
    result = json.loads(
        driver.tipoff("dead-letters", "replay", letter["event_id"], "--yes", "--json", code=1)
    )
    assert not result["published"]
    assert "names no event type" in result["messages"][0]["refused"]
