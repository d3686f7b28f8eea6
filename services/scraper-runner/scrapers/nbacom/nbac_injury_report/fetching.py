"""Asks for reports and says what silence means.

The host answers 403 for a report that is not out yet, for a name that never existed and for a client it refuses:
all three look alike. What tells them apart is a report known to exist, asked for after all the others failed.
"""

from collections.abc import Sequence

from scrapers.nbacom.answers import pdf_payload
from scrapers.nbacom.nbac_injury_report.urls import BASE_URL, ReportName
from tipoff_scraper_runner.errors import Blocked, NotPublished, SourceChanged
from tipoff_scraper_runner.scraper import Http, Payload

# Without it the host answers 403 to everything.
HEADERS = {"Referer": "https://official.nba.com/"}

MISSING = frozenset({403, 404})

# A report known to exist, from a full game day. It bears a name of the form in use, under the path in use,
# so that it goes missing when reports move; the host keeps reports of past seasons.
PROBE_URL = BASE_URL + "Injury-Report_2026-02-08_03_30PM.pdf"


def first_published(reports: Sequence[ReportName], http: Http) -> Payload:
    """Fetch the first of `reports` that the source has.

    Raises:
        NotPublished: none is out, and the source does answer this client.
        Blocked: the source refuses this client, by status or by a page for people.
        SourceChanged: the report known to exist is gone from its place.
        Undecodable: an answer that is neither a PDF nor such a page.
    """
    statuses: set[int] = set()
    # Newest first, and the first that is there is the answer: older ones are contained in it.
    for report in reports:
        response = http.get(report.url, headers=HEADERS, expected=MISSING)
        if response.status not in MISSING:
            return pdf_payload(response)
        statuses.add(response.status)
    # Only now: on most days the first name is there, and the probe would be one request in vain.
    _probe(http, asked=_described(reports), statuses=statuses)
    raise NotPublished(
        f"{_described(reports)}: {_listed(statuses)}, while {PROBE_URL} is served; not published yet"
    )


def _probe(http: Http, *, asked: str, statuses: set[int]) -> None:
    """Return if the source serves a report known to exist; raise what it means if it does not."""
    probe = http.get(PROBE_URL, headers=HEADERS, expected=MISSING)
    evidence = f"{asked}: {_listed(statuses)}; and {PROBE_URL}, which exists, answers {probe.status}"
    if probe.status == 404:
        raise SourceChanged(f"{evidence}: the reports have moved or changed their names")
    if probe.status == 403:
        raise Blocked(f"{evidence}: the host refuses this client")
    # The probe too may be a page for people.
    pdf_payload(probe)


def _described(reports: Sequence[ReportName]) -> str:
    newest = reports[0].file_name
    return newest if len(reports) == 1 else f"{newest} and {len(reports) - 1} before it"


def _listed(statuses: set[int]) -> str:
    return " and ".join(str(status) for status in sorted(statuses))
