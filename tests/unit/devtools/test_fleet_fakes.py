"""Tests of a fleet's fake sources: found beside the scraper, served at its hosts, refused when unusable."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.scenario import SCENARIO
from tipoff_dev.fakes.sources.app import create_app
from tipoff_dev.fakes.sources.hosts import HOSTS, SHIPPED_FLEET, UnusableFake, fake_hosts, fleet_fakes
from tipoff_dev.fakes.sources.testing import in_process_client

GOOD = """
HOSTS = ("api.mine.example",)

def answer(path, query, now):
    if path == "/items.json":
        return 200, "application/json", f'{{"date": "{query["date"]}", "at": "{now:%H:%M}"}}'.encode()
    if path == "/broken":
        raise KeyError("date")
    return None
"""


def write(folder: Path, place: str, text: str = GOOD) -> Path:
    file = folder / place / "fake.py"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize("place", ["mine", "mine/items"])
def test_fake_beside_source_or_scraper_is_found_and_serves_its_hosts(tmp_path: Path, place: str) -> None:
    write(tmp_path, place)
    assert fake_hosts(tmp_path) == ("api.mine.example",), (
        "a host of ours means the source itself to this fleet"
    )
    app = create_app(SCENARIO, lambda: datetime(2026, 1, 1, 9, 30, tzinfo=UTC), fleet=fleet_fakes(tmp_path))
    with in_process_client(app) as client:
        found = client.get("/api.mine.example/items.json", params={"date": "2026-01-01"})
        absent = client.get("/api.mine.example/other.json")
        broken = client.get("/api.mine.example/broken")
    assert found.json() == {"date": "2026-01-01", "at": "09:30"}
    assert (absent.status_code, broken.status_code) == (501, 501)
    assert "the fake of api.mine.example has nothing at /other.json" in absent.text
    assert "raised KeyError: 'date'" in broken.text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import nothing_of_that_name", "cannot be loaded: ModuleNotFoundError"),
        ("def answer(path, query, now): ...", "HOSTS is missing"),
        ('HOSTS = "api.mine.example"\ndef answer(path, query, now): ...', "HOSTS is missing"),
        ('HOSTS = ("api.mine.example",)', "answer\\(path, query, now\\) is missing"),
        (
            'HOSTS = ("cdn.nba.com",)\ndef answer(path, query, now): ...',
            "cdn.nba.com has a fake already, in Tipoff",
        ),
    ],
)
def test_unusable_fake_is_refused_with_its_file(tmp_path: Path, text: str, complaint: str) -> None:
    file = write(tmp_path, "mine", text)
    with pytest.raises(UnusableFake, match=f"{file}.*{complaint}"):
        fleet_fakes(tmp_path)


def test_shipped_fleet_has_the_shipped_fakes() -> None:
    assert fake_hosts(SHIPPED_FLEET) == HOSTS


def test_second_fake_of_a_host_is_refused(tmp_path: Path) -> None:
    first, second = write(tmp_path, "mine"), write(tmp_path, "other/items")
    with pytest.raises(UnusableFake, match=f"{second}: api.mine.example has a fake already, {first}"):
        fleet_fakes(tmp_path)
