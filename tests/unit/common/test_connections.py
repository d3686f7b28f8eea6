"""Tests of a process's connections: one client of each kind."""

from unittest.mock import Mock

import pytest

from tests.support.pushes import REPOSITORY
from tipoff_cli.connection import Connection
from tipoff_common.adapters import pubsub, storage
from tipoff_common.connections import Connections
from tipoff_common.settings import ServiceSettings

SETTINGS = ServiceSettings(
    environment="local",
    project="p",
    data_bucket="data",
    state_bucket="state",
    topics_file=REPOSITORY / "infra/topics.yaml",
    development_key="a-key-of-tests",
)


def test_messages_and_events_share_one_pubsub_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each replay from the console opened a new channel and never closed it."""
    made = Mock()
    monkeypatch.setattr(pubsub, "PublisherClient", made)
    connections = Connections("monitor", SETTINGS)
    assert connections.bus
    for _ in range(3):
        connections.publish_messages([("t", b"data", {})])
    made.assert_called_once_with()


def test_all_buckets_share_one_storage_client(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Mock()
    monkeypatch.setattr(storage, "StorageClient", made)
    connections = Connections("monitor", SETTINGS)
    buckets = [connections.state, connections.data, connections.objects("one"), connections.objects("one")]
    assert [bucket.bucket for bucket in buckets] == ["state", "data", "one", "one"]
    made.assert_called_once()


def test_command_opens_all_buckets_with_one_storage_client(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Mock()
    monkeypatch.setattr(storage, "StorageClient", made)
    connection = Connection({"TIPOFF_PROJECT": "p", "TIPOFF_DATA_BUCKET": "data"}, "here")
    assert [connection.data().bucket, connection.bucket("one").bucket] == ["data", "one"]
    made.assert_called_once()
