"""An answer that should be JSON, kept as it came."""

from scrapers.payloads import first_bytes, is_html
from tipoff_scraper_runner.errors import Blocked
from tipoff_scraper_runner.scraper import Payload, Response


def json_payload(response: Response) -> Payload:
    """Return the answer as payload. What is no JSON at all is the parser's to say, so that it is saved first.

    Raises:
        Blocked: a page for people.
    """
    # The edge of all these hosts refuses clients with a page and status 200, which is no document to parse.
    if is_html(response.body):
        raise Blocked(
            f"{response.url} answers {response.status} with {first_bytes(response.body)}:"
            " a page for people where JSON was asked for"
        )
    return Payload(body=response.body, url=response.url, suffix="json")
