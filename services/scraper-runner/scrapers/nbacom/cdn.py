"""Live data of cdn.nba.com: documents that exist once their game has begun.

The host responds with 403 for a game that has not begun, for one that never existed and to a client that it refuses.
The day's scoreboard, which always exists, distinguishes a refusal from the other cases.
"""

from scrapers.nbacom.answers import MISSING, always_there
from tipoff_scraper_runner.errors import NotPublished
from tipoff_scraper_runner.parsing.json_payload import json_payload
from tipoff_scraper_runner.scraper import Http, Payload

LIVE_DATA = "https://cdn.nba.com/static/json/liveData"
PROBE_URL = f"{LIVE_DATA}/scoreboard/todaysScoreboard_00.json"
# Without this header the host responds with 403 to every request.
HEADERS = {"Referer": "https://www.nba.com/"}


def game_document(path: str, http: Http) -> Payload:
    """Fetch the JSON document at `path` below `LIVE_DATA`, which exists once its game has begun.

    Raises:
        NotPublished: the document is missing, and the host does serve this client.
        Blocked: the host refuses this client, by status or by a page for people.
        SourceChanged: the scoreboard is not at its address either.
    """
    url = f"{LIVE_DATA}/{path}"
    response = http.get(url, headers=HEADERS, expected=MISSING)
    if response.status not in MISSING:
        return json_payload(response)
    # 403 means "not there yet" or "client refused". Request a document that always exists to distinguish them.
    always_there(http, PROBE_URL, headers=HEADERS, after=f"{url} answers {response.status}; and ")
    raise NotPublished(f"{url} answers {response.status}, while {PROBE_URL} is served; not published yet")
