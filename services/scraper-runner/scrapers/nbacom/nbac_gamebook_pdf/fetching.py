"""Fetch of the report of a game.

The report's name has the game's code, with date and teams, which only the league's own documents state reliably. The
code is read from the box score, which also states whether the game is over.
"""

import re

from scrapers.nbacom.answers import pdf_payload, refuse
from scrapers.nbacom.box_score import GameParameters, fetch_box_score, read_box_score
from tipoff_scraper_runner.errors import NotPublished, SourceChanged, Undecodable
from tipoff_scraper_runner.parser import is_harmless
from tipoff_scraper_runner.parsing.payloads import first_bytes
from tipoff_scraper_runner.scraper import Http, Payload

BASE_URL = "https://statsdmz.nba.com/pdfs"
HEADERS = {"Referer": "https://www.nba.com/"}
# A report known to exist; the host keeps the reports of past seasons.
PROBE_URL = f"{BASE_URL}/20240410/20240410_MEMCLE.pdf"

_MISSING = frozenset({403, 404})
_GAME_CODE = re.compile(r"(\d{8})/([A-Z]{6})")


def gamebook_url(game_code: str) -> str:
    """Return the address of the report for a code such as "20240410/MEMCLE": the short report of one page.

    Raises:
        SourceChanged: it is no game code.
    """
    # Strict, as the code becomes part of an address.
    match = _GAME_CODE.fullmatch(game_code)
    if match is None:
        raise SourceChanged(f"the game code {game_code!r} is not YYYYMMDD/AWYHOM")
    day, teams = match.groups()
    return f"{BASE_URL}/{day}/{day}_{teams}.pdf"


def fetch_gamebook(parameters: GameParameters, http: Http) -> Payload:
    """Fetch the report, as PDF.

    Raises:
        NotPublished: the game is not over, or its report is not out while the source does serve this client.
        Blocked: a host refuses this client, by status or by a page for people.
        SourceChanged: the report known to exist is not at its address, or the box score has another shape.
        Undecodable: a response that is neither a PDF nor such a page.
    """
    # The report's name needs the box score's game code, and a game that is not over has no report.
    document = fetch_box_score(parameters, http).body
    if not is_harmless(document):
        raise Undecodable(
            f"the box score of game {parameters.game_id} is implausibly large: {first_bytes(document)}"
        )
    box = read_box_score(document, parameters.game_id)
    if box.not_final:
        raise NotPublished(f"{box.not_final}; there is no scorer's report yet")
    url = gamebook_url(box.game_code)
    response = http.get(url, headers=HEADERS, expected=_MISSING)
    if response.status not in _MISSING:
        return pdf_payload(response)
    probe = http.get(PROBE_URL, headers=HEADERS, expected=_MISSING)
    if probe.status in _MISSING:
        refuse(probe, f"{url} answers {response.status}; and {PROBE_URL}, which exists,")
    pdf_payload(probe)
    raise NotPublished(f"{url} answers {response.status}, while {PROBE_URL} is served; not published yet")
