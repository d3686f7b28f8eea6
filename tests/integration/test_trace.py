"""`tipoff trace` on events of real runs: the id of any link shows the whole chain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

from stack_harness import INJURIES, SCHEDULE, Driver, at, until

from tipoff_common.events import FileProcessed, Tick
from tipoff_planning.trace.links import landed_id, requested_id


def _walk(nodes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in nodes:
        yield node
        yield from _walk(node["children"])


def _kinds(node: dict[str, Any]) -> Any:
    return (node["kind"], [_kinds(child) for child in node["children"]])


def test_id_of_any_link_shows_the_whole_chain(embedded: Driver, day: date) -> None:
    embedded.tick(Tick.LOCK_SCHEDULE, day, 5)
    instant = embedded.tick(Tick.EVALUATE, day, 5)
    (execution,) = embedded.executions(day, SCHEDULE)
    receipt = FileProcessed(
        gcs_path=execution["gcs_path"],
        processor="schedule",
        processed_at=at(day, 6),
        row_count=1230,
        environment="local",
    )
    embedded.stack.publisher.publish([receipt])
    embedded.settle()
    (decision,) = embedded.decisions("morning_operations", instant)

    result = json.loads(embedded.tipoff("trace", execution["execution_id"], "--json"))
    (chain,) = result["chains"]
    links = list(_walk([chain]))
    run = next(link for link in links if link["id"] == decision["decision_id"])
    assert _kinds(run) == (
        "decision",
        [("request", [("execution", [("file", [("receipt", [])])])])],
    )
    assert chain["id"] == execution["occurrence_id"]
    request, done, file, processed = (
        next(link for link in links if link["kind"] == kind)
        for kind in ("request", "execution", "file", "receipt")
    )
    assert (request["asked"], done["asked"], run["asked"]) == (True, True, False)
    assert all(link["at"] and link["gap_seconds"] is not None for link in (run, request, done, file))
    assert file["id"] == execution["gcs_path"]
    assert (processed["id"], processed["facts"]["row_count"]) == (receipt.id, 1230)

    ids = [decision[name] for name in ("decision_id", "occurrence_id", "event_id")]
    ids += [execution[name] for name in ("request_id", "event_id", "gcs_path")]
    ids += [receipt.id]
    for identifier in ids:
        assert json.loads(embedded.tipoff("trace", identifier, "--json"))["chains"][0]["id"] == chain["id"], (
            identifier
        )
    about = ("--date", day.isoformat(), "--json")
    for identifier in (requested_id(execution["request_id"]), landed_id(execution["gcs_path"])):
        (same,) = json.loads(embedded.tipoff("trace", identifier, *about))["chains"]
        assert same["id"] == chain["id"]
        assert any(link["asked"] for link in _walk([same]))

    tree = embedded.tipoff("trace", decision["decision_id"])
    assert "► " in tree
    assert "processed by schedule, 1230 rows" in tree


def test_request_is_shown_before_its_execution(driver: Driver, day: date) -> None:
    with driver.down("scraper-runner"):
        (request,) = driver.run_workflow("injury_discovery", day)["requests"]
        about = ("--date", day.isoformat(), "--json")

        def sent() -> list[dict[str, Any]]:
            # The id leads to its chain at once; the request is published only once the run's decision has come back.
            (chain,) = json.loads(driver.tipoff("trace", request["request_id"], *about))["chains"]
            return [item for item in _walk([chain]) if item["id"] == request["request_id"]]

        (link,) = until(sent, "the request is sent")
        assert link["facts"]["scraper"] == INJURIES
        assert [child["text"] for child in link["children"]] == ["no execution yet"]
    driver.executions(day, INJURIES)


def test_unknown_id_is_reported_with_similar_ids(driver: Driver, day: date) -> None:
    driver.run_workflow("morning_operations", day)
    (execution,) = driver.executions(day, SCHEDULE)
    known = execution["execution_id"]
    assert known in driver.tipoff("trace", known[:-3]), "the beginning of one id is that id"
    mistyped = driver.tipoff("trace", f"{known[:-3]}zzz", code=1)
    assert "no record of" in mistyped
    assert known in mistyped
    path = f"{execution['gcs_path'].rpartition('/')[0]}/0123.json"
    assert execution["gcs_path"] in driver.tipoff("trace", path, code=1)
    assert "near" not in driver.tipoff("trace", "nonsense", code=1)
