"""Requests for reports, and the reason for a missing one.

The host responds with 403 for a report that is not out yet, for a name that never existed and to a client that it
refuses. A request for a report known to exist, after all others failed, distinguishes a refusal.
"""

from collections.abc import Sequence

from scrapers.nbacom.answers import pdf_payload
from scrapers.nbacom.nbac_injury_report.urls import BASE_URL, ReportName
from tipoff_scraper_runner.errors import Blocked, NotPublished, SourceChanged
from tipoff_scraper_runner.scraper import Http, Payload

# Without this header the host responds with 403 to every request.
HEADERS = {"Referer": "https://official.nba.com/"}

MISSING = frozenset({403, 404})

# A report known to exist, from a full game day; the host keeps reports of past seasons. Its name and path have the
# current form, so that this report is missing too when reports move.
PROBE_URL = BASE_URL + "Injury-Report_2026-02-08_03_30PM.pdf"


def first_published(reports: Sequence[ReportName], http: Http) -> Payload:
    """Fetch the first of `reports` that the source has.

    Raises:
        NotPublished: none is out, and the source does serve this client.
        Blocked: the source refuses this client, by status or by a page for people.
        SourceChanged: the report known to exist is not at its address.
        Undecodable: a response that is neither a PDF nor such a page.
    """
    statuses: set[int] = set()
    # Newest first; the first that exists is returned, as it contains the older ones.
    for report in reports:
        response = http.get(report.url, headers=HEADERS, expected=MISSING)
        if response.status not in MISSING:
            return pdf_payload(response)
        statuses.add(response.status)
    # Probe last: on most days the first name exists, and the probe would be a useless request.
    _probe(http, requested=_described(reports), statuses=statuses)
    raise NotPublished(
        f"{_described(reports)}: {_listed(statuses)}, while {PROBE_URL} is served; not published yet"
    )


def _probe(http: Http, *, requested: str, statuses: set[int]) -> None:
    """Raise the failure when the source does not serve a report known to exist."""
    probe = http.get(PROBE_URL, headers=HEADERS, expected=MISSING)
    evidence = f"{requested}: {_listed(statuses)}; and {PROBE_URL}, which exists, answers {probe.status}"
    if probe.status == 404:
        raise SourceChanged(f"{evidence}: the reports have moved or changed their names")
    if probe.status == 403:
        raise Blocked(f"{evidence}: the host refuses this client")
    # The probe's response may be a page for people too.
    pdf_payload(probe)


def _described(reports: Sequence[ReportName]) -> str:
    newest = reports[0].file_name
    return newest if len(reports) == 1 else f"{newest} and {len(reports) - 1} before it"


def _listed(statuses: set[int]) -> str:
    return " and ".join(str(status) for status in sorted(statuses))
