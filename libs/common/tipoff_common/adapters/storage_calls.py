"""The calls of Cloud Storage's JSON API that executions and evaluations make, without Google's client library.

https://cloud.google.com/storage/docs/json_api. Google's client spends 1.1 ms of CPU on a conditional upload, most of
it in layers between the call and the socket; one execution makes five. Here the same request costs 0.3 ms: urllib3's
connection pool, Google's credentials and their refresh, one multipart body, CRC32C in both directions. Rare calls
(resumable uploads, buckets) stay with Google's client. The reasons are in
docs/adr/0023-lean-clients-on-the-hot-path.md.
"""

import base64
import json
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import certifi
import google_crc32c
from google.api_core.exceptions import from_http_status
from google.auth.credentials import Credentials
from google.auth.transport.requests import Request as RefreshRequest
from google.cloud.storage.exceptions import DataCorruption
from urllib3 import BaseHTTPResponse, Timeout, connection_from_url
from urllib3.exceptions import HTTPError

from tipoff_common import __version__

_TIMEOUT = Timeout(connect=5.0, read=20.0)
_UNAUTHORIZED = 401
_BODILESS = frozenset({204, 304})
_LISTED = "items(name,size,updated,metadata,generation),nextPageToken"
"""Fields requested of a list call; the answer is a fifth of the default size."""


class StorageCalls:
    """One endpoint of the JSON API. Calls are not retried here; each raises GoogleAPICallError with the answer's
    status, GoogleAuthError, or ConnectionError when there was no answer."""

    def __init__(self, endpoint: str, credentials: Credentials, connections: int) -> None:
        """endpoint: without a path. connections: how many stay open, one for each concurrent caller."""
        self._endpoint, self._credentials = endpoint.rstrip("/"), credentials
        # certifi's certificates, as `requests` uses them: slim images have no system certificates.
        tls = {"ca_certs": certifi.where()} if endpoint.startswith("https:") else {}
        self._pool = connection_from_url(self._endpoint, maxsize=connections, **tls)
        self._refreshing = threading.Lock()
        self._refresh_request: RefreshRequest | None = None

    def upload(
        self,
        bucket: str,
        name: str,
        body: bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        boundary: str,
        generation: int | None = None,
    ) -> None:
        """Write an object in one multipart request.

        boundary: a random text that the body does not contain.
        generation: the only generation to overwrite, 0 for no object; None writes unconditionally. Raises
            PreconditionFailed when the object has another generation.
        """
        resource = {
            "name": name,
            "contentType": content_type,
            "crc32c": _crc32c(body),  # Cloud Storage refuses a body that was damaged in transit
            "metadata": metadata,
        }
        condition = "" if generation is None else f"&ifGenerationMatch={generation}"
        self._call(
            "POST",
            f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart{condition}&fields=generation",
            b"".join(
                (
                    f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".encode(),
                    json.dumps(resource).encode(),
                    f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\n\r\n".encode(),
                    body,
                    f"\r\n--{boundary}--".encode(),
                )
            ),
            f"multipart/related; boundary={boundary}",
        )

    def download(self, bucket: str, name: str) -> tuple[bytes, int]:
        """Return the content and its generation. Raises NotFound; DataCorruption when it was damaged in transit."""
        answer = self._call("GET", f"/download/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media")
        # "crc32c=...,md5=...", in one header or in two; urllib3 joins two.
        for item in answer.headers.get("x-goog-hash", "").split(","):
            kind, _, stated = item.strip().partition("=")
            if kind == "crc32c" and stated != _crc32c(answer.data):
                raise DataCorruption(
                    answer, f"gs://{bucket}/{name}: the content does not have its CRC32C {stated}"
                )
        if "x-goog-generation" not in answer.headers:
            raise DataCorruption(
                answer, f"gs://{bucket}/{name}: the response has no generation: it was cut off"
            )
        return answer.data, int(answer.headers["x-goog-generation"])

    def list_page(self, bucket: str, prefix: str, token: str = "") -> tuple[list[dict[str, Any]], str]:
        """Return one page of the objects whose names begin with `prefix`, and the token of the next; "" at the end.

        Each object is a resource with `name`, `size`, `updated`, `metadata` and `generation`.
        """
        query = {"prefix": prefix, "fields": _LISTED, **({"pageToken": token} if token else {})}
        answer = _json(self._call("GET", f"/storage/v1/b/{bucket}/o?{urlencode(query)}"))
        return answer.get("items", []), answer.get("nextPageToken", "")

    def delete(self, bucket: str, name: str, generation: int | None = None) -> None:
        """Delete an object.

        generation: the only generation to delete; None deletes any.

        Raises NotFound; PreconditionFailed when the object has another generation.
        """
        condition = "" if generation is None else f"?ifGenerationMatch={generation}"
        self._call("DELETE", f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}{condition}")

    def patch_metadata(self, bucket: str, name: str, metadata: Mapping[str, str]) -> Mapping[str, str]:
        """Add to the custom metadata; return all of it. Raises NotFound."""
        answer = self._call(
            "PATCH",
            f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}?fields=metadata",
            json.dumps({"metadata": metadata}).encode(),
            "application/json",
        )
        found: Mapping[str, str] = _json(answer).get("metadata") or {}
        return found

    def close(self) -> None:
        """Close the open connections."""
        self._pool.close()

    def _call(
        self, method: str, path: str, body: bytes | None = None, content_type: str | None = None
    ) -> BaseHTTPResponse:
        answer = self._send(method, path, body, self._headers(method, path, content_type))
        if answer.status == _UNAUTHORIZED:
            # A token may be revoked before it expires; Google's own sessions refresh it once as well.
            with self._refreshing:
                self._credentials.refresh(self._refresher())
            answer = self._send(method, path, body, self._headers(method, path, content_type))
        if answer.status >= 300:
            text = answer.data[:500].decode(errors="replace")
            raise from_http_status(answer.status, f"{method} {path}: {text}")
        return answer

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> BaseHTTPResponse:
        """Send one request; tests inject faults here."""
        try:
            # The caller retries: there is one layer of retries, with a time limit.
            answer = self._pool.urlopen(
                method, path, body=body, headers=headers, retries=False, redirect=False, timeout=_TIMEOUT
            )
        except HTTPError as error:
            raise ConnectionError(f"{method} {path}: {error}") from error
        # urllib3 parses an answer that broke off within its head as one with fewer headers and no body. An answer with
        # a body has one of these headers (RFC 9112, section 6.3).
        framed = "transfer-encoding" in answer.headers or answer.headers.get("content-length", "").isdecimal()
        if answer.status not in _BODILESS and not framed:
            raise ConnectionError(f"{method} {path}: the response was cut off within its headers")
        return answer

    def _headers(self, method: str, path: str, content_type: str | None) -> dict[str, str]:
        headers = {"User-Agent": f"tipoff/{__version__}"}
        if content_type is not None:
            headers["Content-Type"] = content_type
        self._credentials.before_request(self._refresher(), method, self._endpoint + path, headers)
        return headers

    def _refresher(self) -> RefreshRequest:
        """Return the transport that refreshes credentials, made at first use: anonymous ones never need it."""
        if self._refresh_request is None:
            self._refresh_request = RefreshRequest()
        return self._refresh_request


def _json(answer: BaseHTTPResponse) -> dict[str, Any]:
    """Return the object that an answer holds. Raises ConnectionError for one that broke off."""
    try:
        found: dict[str, Any] = answer.json()
    except ValueError as error:
        raise ConnectionError(f"the response was cut off and is not JSON: {error}") from error
    return found


def _crc32c(body: bytes) -> str:
    """Return the checksum as Cloud Storage writes it: https://cloud.google.com/storage/docs/data-validation."""
    checksum: Any = google_crc32c.Checksum  # published without types
    return base64.b64encode(checksum(body).digest()).decode()
