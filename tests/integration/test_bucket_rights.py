"""The rights on buckets that infra/terraform gives: what services do with them, and what happens without one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from stack_harness import write_scenario

from tipoff_cli.commands.smoke.proofs import draft_proofs, prove
from tipoff_common.adapters.storage import GcsObjects, storage_client
from tipoff_common.ports import Unavailable
from tipoff_dev.stack.layout import DATA_BUCKET, PROJECT, SERVICE_MAP, Layout
from tipoff_dev.stack.stack import Stack, running_stack

UNLISTED = "nobody-lists-this"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose object store refuses what the map of services gives nobody."""
    folder = tmp_path_factory.mktemp("rights")
    assert {entry.data for entry in SERVICE_MAP.values()} <= {"read", "create", None}
    rights = ("--create-only", DATA_BUCKET, "--no-list", UNLISTED)
    layout = Layout.on_free_ports(event_time=True)
    with running_stack(layout, folder, scenario=write_scenario(folder), storage=rights) as running:
        yield running


def test_a_scrape_gets_by_without_replacing_what_another_wrote(stack: Stack) -> None:
    """The second finds the first one's payload and records in its place."""
    instant = datetime(2025, 1, 15, 15, tzinfo=UTC)
    for _ in range(2):
        proofs = draft_proofs("local", datetime.now(UTC), event_time=instant)
        assert [proven.fault for proven in prove(proofs, stack.publisher, stack.warehouse, 60)] == [None] * 3


def test_nothing_in_the_data_bucket_is_replaced(stack: Stack) -> None:
    stack.data.create("written/once", b"first")
    assert stack.data.create("written/once", b"second") is False
    with pytest.raises(Unavailable, match=r"storage\.objects\.delete"):
        stack.data.put("written/once", b"second", content_type="text/plain")
    assert stack.data.get("written/once") == b"first"


def test_an_absent_object_is_an_outage_to_whoever_may_not_list(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why each service has a bucket of its own for what it remembers, by a grant without a condition."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", stack.layout.url("storage"))
    client = storage_client(PROJECT, stack.layout.url("storage"))
    client.create_bucket(UNLISTED)
    bucket = GcsObjects(client, UNLISTED)
    assert bucket.create("there", b"body")
    assert bucket.get("there") == b"body"
    for absent in (
        lambda: bucket.get("absent"),
        lambda: bucket.info("absent"),
        lambda: list(bucket.list("")),
    ):
        with pytest.raises(Unavailable, match=r"storage\.objects\.list"):
            absent()
