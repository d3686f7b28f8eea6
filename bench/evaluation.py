"""One evaluation over a day of which very much is remembered: its time and its memory.

    python bench/evaluation.py [--names 10000 100000 660000] [--json]

A tick is handled whole, with the shipped workflows and a calendar of twelve games. The day's names come through
Google's client in pages of 1,000 from a session in this process, whose own time is not counted. So what is measured is
CPU: on Google Cloud the answers are waited for as well, page after page. Of each occurrence there are a plan, ten
requests and their ten executions. Each size has a process of its own; memory is its peak above what it had before.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
from requests import Response, Session

from tipoff_common.adapters.storage import GcsObjects
from tipoff_common.catalog import load_catalog
from tipoff_common.events import Tick, TickFired
from tipoff_common.ports import ObjectInfo
from tipoff_common.publisher import Publisher
from tipoff_controller.deps import Deps
from tipoff_controller.handlers import handle_tick
from tipoff_controller.ledger import Ledger
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_planning.loading import load_workflows

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, os.fspath(REPOSITORY))
from decide import DAY, NOW, games  # noqa: E402
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus  # noqa: E402

PAGE, UNITS = 1_000, 10
OBJECT = {
    "kind": "storage#object",
    "id": "",
    "selfLink": "",
    "mediaLink": "",
    "name": "",
    "bucket": "state",
    "generation": "1736960400000000",
    "metageneration": "1",
    "contentType": "text/plain",
    "storageClass": "STANDARD",
    "size": "1300",
    "md5Hash": "1B2M2Y8AsgTpgAmY7PhCfg==",
    "crc32c": "AAAAAA==",
    "etag": "CICAgICAgICAAhAB",
    "timeCreated": "2025-01-15T11:00:00.123Z",
    "updated": "2025-01-15T11:00:00.123Z",
    "timeStorageClassUpdated": "2025-01-15T11:00:00.123Z",
    "timeFinalized": "2025-01-15T11:00:00.123Z",
}
"""What Cloud Storage says of an object, https://cloud.google.com/storage/docs/json_api/v1/objects#resource"""


@dataclass(frozen=True)
class Measured:
    names: int
    seconds: float
    mib: float


def remembered(count: int) -> Iterator[str]:
    """`count` names of one day, in the order in which they are listed."""
    occurrence = 0
    while True:
        folder = f"controller/days/{DAY}/occurrences/{UUID(int=occurrence)}"
        requests = [UUID(int=occurrence * UNITS + unit) for unit in range(UNITS)]
        said = f"box_score/00224%05d/success/-/CONTROLLER/{NOW - timedelta(hours=1):%Y%m%dT%H%M%SZ}.json"
        executions = [f"{folder}/executions/{item}/{said % number}" for number, item in enumerate(requests)]
        for name in (
            *executions,
            f"{folder}/plan.json",
            *(f"{folder}/requests/{item}.json" for item in requests),
        ):
            if count == 0:
                return
            count -= 1
            yield name
        occurrence += 1


class Pages(Session):
    """Answers list calls with `names`."""

    is_mtls = False
    seconds = 0.0

    def __init__(self, names: Iterator[str]) -> None:
        super().__init__()
        self._names = list(names)

    def request(self, *_: Any, url: str, **__: Any) -> Response:  # type: ignore[override]
        begin = time.process_time()
        answer = self._page(url)
        self.seconds += time.process_time() - begin
        return answer

    def _page(self, url: str) -> Response:
        asked = parse_qs(urlsplit(url).query)
        start = int(asked.get("pageToken", ["0"])[0])
        link = "https://www.googleapis.com/storage/v1/b/state/o/"
        items = [
            {
                **OBJECT,
                "name": name,
                "id": f"state/{name}/1",
                "selfLink": link + name,
                "mediaLink": link + name,
            }
            for name in self._names[start : start + PAGE]
        ]
        if "fields" in asked:
            kept = asked["fields"][0].partition("(")[2].partition(")")[0].split(",")
            items = [{key: item[key] for key in kept if key in item} for item in items]
        more = {"nextPageToken": str(start + PAGE)} if start + PAGE < len(self._names) else {}
        answer = Response()
        answer.status_code = 200
        answer.headers["content-type"] = "application/json"
        answer._content = json.dumps({"kind": "storage#objects", "items": items, **more}).encode()
        return answer


@dataclass
class State(MemoryObjects):
    """A bucket of which one day is listed through Google's client."""

    days: dict[str, GcsObjects] = field(default_factory=dict)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self.days[prefix].list(prefix) if prefix in self.days else super().list(prefix)


def world(pages: Pages) -> Deps:
    client = Client("bench", AnonymousCredentials(), _http=pages)
    data = MemoryObjects("data")
    configured = load_workflows(
        REPOSITORY / "config/workflows.yaml", load_catalog(REPOSITORY / "services/scraper-runner/scrapers")
    )
    records = [game.model_dump(mode="json") for game in games()]
    body = json.dumps({"scraper": configured.file.calendar.scraper, "records": records}).encode()
    folder = configured.catalog[configured.file.calendar.scraper].output
    fetched = {"fetched-at": (NOW - timedelta(hours=7)).isoformat()}
    data.put(f"{folder}/{DAY}/schedule.json", body, content_type="application/json", metadata=fetched)
    state = State(days={f"controller/days/{DAY}/": GcsObjects(client, "state")})
    return Deps(
        environment="bench",
        configuration=configured,
        calendar=LandedCalendar(data, folder),
        ledger=Ledger(state, configured.subject_parameters),
        warehouse=MemoryWarehouse(),
        publisher=Publisher("controller", RecordingBus()),
    )


def measure(names: int) -> Measured:
    pages = Pages(remembered(names))
    deps = world(pages)
    before, begin = peak_mib(), time.process_time()
    handle_tick(TickFired(tick=Tick.EVALUATE, cadence_minutes=15), NOW, deps, NOW)
    seconds = time.process_time() - begin - pages.seconds
    return Measured(names, seconds, peak_mib() - before)


def peak_mib() -> float:
    """Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--names", type=int, nargs="+", default=[10_000, 100_000, 660_000])
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        found = pool.map(measure, arguments.names, chunksize=1)
    if arguments.json:
        print(json.dumps([asdict(item) for item in found]))
        return
    print(f"{'names':>9} {'CPU s':>7} {'MiB':>6}")
    for item in found:
        print(f"{item.names:>9,} {item.seconds:>7.2f} {item.mib:>6.0f}")


if __name__ == "__main__":
    main()
