"""A payload of a response that should be JSON, unchanged."""

from tipoff_scraper_runner.errors import Blocked
from tipoff_scraper_runner.parsing.payloads import first_bytes, is_html
from tipoff_scraper_runner.scraper import Payload, Response


def json_payload(response: Response) -> Payload:
    """Return the response as payload. The parser reports invalid JSON, after the payload is saved.

    Raises:
        Blocked: a page for people.
    """
    # The edges of all these hosts refuse clients with a page and status 200.
    if is_html(response.body):
        raise Blocked(
            f"{response.url} answers {response.status} with {first_bytes(response.body)}:"
            " a web page instead of JSON"
        )
    return Payload(body=response.body, url=response.url, suffix="json")
