"""Bucket rights as infra/terraform grants them; the embedded stack runs all its tests with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from stack_harness import Driver

from gcp_emulators.testing import running
from tipoff_common.adapters.storage import GcsObjects, storage_client
from tipoff_common.ports import Objects, Unavailable
from tipoff_dev.stack.layout import DATA_BUCKET, PROJECT, free_ports

Door = Callable[[str, str], Objects]
"""Opens a bucket with a service's rights."""


@pytest.fixture
def door(embedded: Driver, monkeypatch: pytest.MonkeyPatch) -> Door:
    def opened(service: str, bucket: str) -> Objects:
        url = embedded.stack.layout.url(f"storage:{service}")
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        return GcsObjects(storage_client(PROJECT, url), bucket)

    return opened


def test_runner_cannot_overwrite_data_objects(door: Door) -> None:
    data = door("scraper-runner", DATA_BUCKET)
    assert data.create("written/once", b"first")
    assert data.create("written/once", b"second") is False
    with pytest.raises(Unavailable, match=r"storage\.objects\.delete"):
        data.put("written/once", b"second", content_type="text/plain")
    assert data.get("written/once") == b"first"


@pytest.mark.parametrize("service", ["controller", "cleanup", "monitor", "phase2"])
def test_data_readers_cannot_write(door: Door, service: str) -> None:
    data = door(service, DATA_BUCKET)
    assert data.get("never/written") is None
    with pytest.raises(Unavailable, match=r"storage\.objects\.create"):
        data.create("never/written", b"")


def test_bucket_without_grant_is_refused(door: Door) -> None:
    with pytest.raises(Unavailable, match=r"storage\.objects\.get"):
        door("logger", "of-another-system").get("absent")


@pytest.fixture
def unlisted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    """A bucket whose caller may read and create in it and not list it."""
    port = free_ports(["caller"])["caller"]
    with running("storage", "--caller", f"{port}:bucket=create-unlisted") as emulator:
        monkeypatch.setenv(*emulator.variable)
        storage_client("test", emulator.url).create_bucket("bucket")
        url = f"http://127.0.0.1:{port}"
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        yield GcsObjects(storage_client("test", url), "bucket")


def test_absent_object_is_unavailable_without_list_permission(unlisted: Objects) -> None:
    """Therefore each service has its own state bucket, by a grant without a condition."""
    assert unlisted.create("there", b"body")
    assert unlisted.get("there") == b"body"
    for absent in (
        lambda: unlisted.get("absent"),
        lambda: unlisted.info("absent"),
        lambda: list(unlisted.list("")),
    ):
        with pytest.raises(Unavailable, match=r"storage\.objects\.list"):
            absent()
