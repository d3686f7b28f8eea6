"""Tests of the application that a service's connections create."""

from pathlib import Path
from unittest.mock import patch

from tests.support.pushes import client, local_settings
from tipoff_common.cloud import Cloud
from tipoff_common.testing import RecordingBus


def test_health_shows_config_hash_with_its_files(tmp_path: Path) -> None:
    scraper, workflows = tmp_path / "scraper.yaml", tmp_path / "workflows.yaml"
    scraper.write_text("a: 1\n")
    with patch.object(Cloud, "bus", RecordingBus()):
        cloud = Cloud("s", local_settings(), config_files=(scraper,))
        own = cloud.app("", needs=())
        given = cloud.app("", needs=(), config=(workflows, "abc"))
    shown = []
    for app in (own, given):
        with client(app) as http:
            answer = http.get("/healthz").json()
        shown.append((answer["config_hash"], answer["config_files"]))
    assert shown == [(cloud.config_hash, ["topics.yaml", "scraper.yaml"]), ("abc", ["workflows.yaml"])]
