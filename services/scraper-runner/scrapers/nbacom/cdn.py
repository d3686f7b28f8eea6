"""Live data of cdn.nba.com: documents that exist from some moment of a game on.

The host answers 403 for a game that has not begun, for one that never existed and for a client it refuses. What tells
them apart is the day's scoreboard, which always exists.
"""

from scrapers.json_payload import json_payload
from scrapers.nbacom.answers import MISSING, always_there
from tipoff_scraper_runner.errors import NotPublished
from tipoff_scraper_runner.scraper import Http, Payload

LIVE_DATA = "https://cdn.nba.com/static/json/liveData"
PROBE_URL = f"{LIVE_DATA}/scoreboard/todaysScoreboard_00.json"
# Without it the host answers 403 to everything.
HEADERS = {"Referer": "https://www.nba.com/"}


def game_document(path: str, http: Http) -> Payload:
    """Fetch the JSON document at `path` below `LIVE_DATA`, which exists once its game has begun.

    Raises:
        NotPublished: it is not there, and the host does answer this client.
        Blocked: the host refuses this client, by status or by a page for people.
        SourceChanged: the scoreboard too is gone from its place.
    """
    url = f"{LIVE_DATA}/{path}"
    response = http.get(url, headers=HEADERS, expected=MISSING)
    if response.status not in MISSING:
        return json_payload(response)
    # 403 is both "not there yet" and "not for you". A document that always exists tells which.
    always_there(http, PROBE_URL, headers=HEADERS, after=f"{url} answers {response.status}; and ")
    raise NotPublished(f"{url} answers {response.status}, while {PROBE_URL} is served; not published yet")
