"""Classification of a response of the NBA's hosts: a document, a refusal or something else."""

from collections.abc import Mapping
from typing import NoReturn

from tipoff_scraper_runner.errors import Blocked, SourceChanged, Undecodable
from tipoff_scraper_runner.parsing.json_payload import json_payload
from tipoff_scraper_runner.parsing.payloads import first_bytes, is_html
from tipoff_scraper_runner.scraper import Http, Payload, Response

MISSING = frozenset({403, 404})
"""Statuses of the hosts for missing documents, and for clients that they refuse."""


def pdf_payload(response: Response) -> Payload:
    """Return the PDF. Raises Blocked for a page for people, Undecodable for any other non-PDF."""
    # The status is no criterion: refusals have status 200 with a page, or with 477 bytes of XML.
    if response.body.startswith(b"%PDF"):
        return Payload(body=response.body, url=response.url, suffix="pdf")
    found = f"{response.url} answers {response.status} with {first_bytes(response.body)}"
    if is_html(response.body):
        raise Blocked(f"{found}: a web page instead of a PDF")
    raise Undecodable(f"{found}: not a PDF")


def always_there(
    http: Http, url: str, *, query: Mapping[str, str] = {}, headers: Mapping[str, str], after: str = ""
) -> Payload:
    """Fetch the JSON document at `url`, which always exists. after: an earlier request's result, for the message.

    Raises:
        Blocked: the host refuses this client, by status or by a page for people.
        SourceChanged: the document is not at its address.
    """
    response = http.get(url, query=query, headers=headers, expected=MISSING)
    # For a document that always exists, both statuses are failures, never "not published yet".
    if response.status in MISSING:
        refuse(response, f"{after}{response.url}, which always exists,")
    return json_payload(response)


def refuse(response: Response, subject: str) -> NoReturn:
    """Raise the failure for a status 403 or 404 of a document that always exists.

    Raises:
        Blocked: 403.
        SourceChanged: 404.
    """
    if response.status == 403:
        raise Blocked(f"{subject} answers 403: the host refuses this client")
    raise SourceChanged(f"{subject} answers {response.status}: it has moved")
