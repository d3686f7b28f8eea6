"""Client of the HTTP interfaces of the controller and the monitor."""

import atexit
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urlsplit

from tipoff_cli.connection import CONTROLLER_URL, DEVELOPMENT_KEY, MONITOR_URL, Connection
from tipoff_cli.errors import CommandFailed

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
Service = Literal["controller", "monitor"]

SECONDS = 30.0
"""Usual limit for an answer: an instance on Cloud Run may have to start first."""
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@cache
def client() -> "httpx.Client":
    """Return the only client of the process: loading its TLS settings takes longer than a request."""
    import httpx

    made = httpx.Client(timeout=SECONDS)
    atexit.register(made.close)  # no caller can detect the last request
    return made


NOT_FOUND = 404


class NotAnswered(CommandFailed):
    """A request that the service refused or did not answer; the message says why."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """The status of the service's answer; None without an answer."""


def ask(
    connection: Connection,
    method: str,
    path: str,
    *,
    query: Mapping[str, str | Sequence[str]] = {},
    headers: Mapping[str, str] = {},
    json: Mapping[str, object] | None = None,
    service: Service = "controller",
    seconds: float = SECONDS,
) -> bytes:
    """Send a request to a service, and return the body of a successful answer.

    seconds: limit for the answer.

    Raises:
        NotConnected: no such service is named, or there is no token for it.
        NotAnswered
    """
    import httpx

    base, variable = _address(connection, service)
    url = f"{base}{path}"
    unusable = f"{variable} of {connection.where}: '{base}' is not a usable URL"
    remedy = "write one such as http://127.0.0.1:8081"
    # Check the scheme first: gcloud would refuse a token for the URL, and its error would not name the variable.
    if not base.startswith(("http://", "https://")):
        raise NotAnswered(f"{unusable}: it begins with neither http:// nor https://; {remedy}")
    sent = {**_authorization(connection, base), **headers}
    try:
        answer = client().request(method, url, params=dict(query), headers=sent, json=json, timeout=seconds)
    # UnicodeError: a label of the host name is too long or empty.
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
        raise NotAnswered(f"{unusable}: {error}; {remedy}") from error
    except httpx.ConnectError as error:
        from tipoff_cli.edits import unread

        named = f"{base}, named by {variable} of {connection.where}"
        # Under `tipoff up --watch`, a faulty edit may keep a service from starting.
        edited = unread()
        raise NotAnswered(
            f"cannot connect to the {service} at {named}; is the stack up?"
            + (f"\n{edited}" if edited else "")
        ) from error
    except httpx.TimeoutException as error:
        raise NotAnswered(
            f"the {service} does not answer at {base} within {seconds:g} s; is its process stopped or busy?"
        ) from error
    except httpx.HTTPError as error:
        raise NotAnswered(f"the {service} does not answer at {base}: {error}; is the stack up?") from error
    if answer.is_success:
        # Another server, such as a proxy with a sign-in page, answers every request with success.
        if "text/html" in answer.headers.get("Content-Type", ""):
            raise NotAnswered(f"{base} serves a web page, not the {service}; correct {variable}")
        return answer.content
    raise NotAnswered(f"the {service} answered {answer.status_code}: {_detail(answer)}", answer.status_code)


def read_answer(shape: type[T], body: bytes, connection: Connection, service: Service = "controller") -> T:
    """Parse the body of a successful answer as `shape`. Raises NotAnswered when the body has another shape."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(shape).validate_json(body)
    except ValidationError as error:
        raise not_ours(connection, service) from error


def not_ours(connection: Connection, service: Service) -> NotAnswered:
    """Return the error for an answer of another shape: a different server listens at the address."""
    base, variable = _address(connection, service)
    return NotAnswered(f"{base} is not a Tipoff {service}, or it has another version; correct {variable}")


def _address(connection: Connection, service: Service) -> tuple[str, str]:
    """Return a service's URL and the variable that names it. Raises NotConnected."""
    if service == "controller":
        return connection.controller_url, CONTROLLER_URL
    return connection.monitor_url, MONITOR_URL


def _authorization(connection: Connection, base: str) -> Mapping[str, str]:
    """Return the authorization header, empty when the service needs none. Raises NotConnected."""
    try:
        url = urlsplit(base)
        is_local = url.scheme == "http" and url.hostname in _LOCAL
    except ValueError:
        is_local = False
    # A server on this machine needs no token of Google: it takes the development key, or is a proxy that adds a token.
    if is_local and not connection.values.get(DEVELOPMENT_KEY):
        return {}
    return {"Authorization": f"Bearer {connection.token(base)}"}


def _detail(answer: "httpx.Response") -> str:
    """Return FastAPI's detail: a sentence, or the fault of each field."""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return answer.text[:500]
    if isinstance(detail, list):
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in detail)
    return str(detail)
