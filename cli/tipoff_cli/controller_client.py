"""The controller's HTTP interface, as the commands ask it."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from tipoff_cli.connection import Connection

if TYPE_CHECKING:
    import httpx

_SECONDS = 30.0


@cache
def client() -> "httpx.Client":
    """One for the process: its TLS settings take longer to load than an answer to come, and connections are kept."""
    import httpx

    return httpx.Client(timeout=_SECONDS)


class NotAnswered(Exception):
    """The controller did not do what was asked; the message says why. status: its answer's, None without one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def ask(
    connection: Connection,
    method: str,
    path: str,
    *,
    query: Mapping[str, str] = {},
    headers: Mapping[str, str] = {},
    json: Mapping[str, object] | None = None,
) -> bytes:
    """The body of a good answer.

    Raises:
        NotConnected: no controller is named, or there is no token for it.
        NotAnswered
    """
    import httpx

    url = f"{connection.controller_url}{path}"
    sent = {"Authorization": f"Bearer {connection.token()}", **headers}
    try:
        answer = client().request(method, url, params=dict(query), headers=sent, json=json)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        what = f"the controller does not answer at {connection.controller_url}: {error}"
        raise NotAnswered(f"{what}; is the stack up?") from error
    if answer.is_success:
        return answer.content
    raise NotAnswered(f"the controller answered {answer.status_code}: {_detail(answer)}", answer.status_code)


def _detail(answer: "httpx.Response") -> str:
    """FastAPI's detail: a sentence, or what is wrong with each field."""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return answer.text[:500]
    if isinstance(detail, list):
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in detail)
    return str(detail)
