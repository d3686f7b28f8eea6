"""The controller's HTTP interface, as the commands ask it."""

import atexit
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal

from tipoff_cli.connection import CONTROLLER_URL, MONITOR_URL, Connection
from tipoff_cli.errors import CommandFailed

if TYPE_CHECKING:
    import httpx

_SECONDS = 30.0


@cache
def client() -> "httpx.Client":
    """Return the process's one client: its TLS settings take longer to load than an answer to come."""
    import httpx

    made = httpx.Client(timeout=_SECONDS)
    atexit.register(made.close)  # nobody else knows when the last answer has come
    return made


class NotAnswered(CommandFailed):
    """The controller did not do what was asked; the message says why."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """The status of its answer; None without one."""


def ask(
    connection: Connection,
    method: str,
    path: str,
    *,
    query: Mapping[str, str | Sequence[str]] = {},
    headers: Mapping[str, str] = {},
    json: Mapping[str, object] | None = None,
    service: Literal["controller", "monitor"] = "controller",
) -> bytes:
    """Return the body of a good answer.

    Raises:
        NotConnected: no such service is named, or there is no token for it.
        NotAnswered
    """
    import httpx

    variable = CONTROLLER_URL if service == "controller" else MONITOR_URL
    base = connection.controller_url if service == "controller" else connection.monitor_url
    url = f"{base}{path}"
    sent = {"Authorization": f"Bearer {connection.token(base)}", **headers}
    try:
        answer = client().request(method, url, params=dict(query), headers=sent, json=json)
    # UnicodeError: a part of the host's name that is too long or empty.
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
        what = f"{variable} of {connection.where}: '{base}' is not a usable URL: {error}"
        raise NotAnswered(f"{what}; write one such as http://127.0.0.1:8081") from error
    except httpx.HTTPError as error:
        what = f"the {service} does not answer at {base}: {error}"
        raise NotAnswered(f"{what}; is the stack up?") from error
    if answer.is_success:
        # Another server, such as a proxy's page to sign in, says yes to anything.
        if "text/html" in answer.headers.get("Content-Type", ""):
            raise NotAnswered(
                f"what answers at {base} is a web page and not the {service}; correct {variable}"
            )
        return answer.content
    raise NotAnswered(f"the {service} answered {answer.status_code}: {_detail(answer)}", answer.status_code)


def _detail(answer: "httpx.Response") -> str:
    """FastAPI's detail: a sentence, or what is wrong with each field."""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return answer.text[:500]
    if isinstance(detail, list):
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in detail)
    return str(detail)
