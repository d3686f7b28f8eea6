"""Request handling of the embedded object store: rights, preconditions, and the emulator's own handlers."""

import io
import json
import logging
import re
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

from gcp_storage_emulator import server as emulator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gcp_emulators.storage.limits import metadata_fault, name_fault
from gcp_emulators.storage.objects import ObjectStore

_log = logging.getLogger(__name__)

_ROUTES = [(re.compile(pattern), handlers) for pattern, handlers in emulator.HANDLERS]
_BUCKET = re.compile(r"/b/([^/?]+)")
CALLS = "/_calls"
"""Specific to this server; Cloud Storage has no such path."""
_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)

# Query parameters of preconditions: (name, index in (generation, metageneration), whether the numbers must be equal).
_CONDITIONS = (
    ("ifGenerationMatch", 0, True),
    ("ifGenerationNotMatch", 0, False),
    ("ifMetagenerationMatch", 1, True),
    ("ifMetagenerationNotMatch", 1, False),
)


_READ = frozenset({"storage.buckets.get", "storage.objects.get", "storage.objects.list"})
_CREATE = _READ | {"storage.objects.create", "storage.objects.update"}
RIGHTS: Mapping[str, frozenset[str]] = {
    "read": _READ,
    "create": _CREATE,
    "create-unlisted": _CREATE - {"storage.objects.list"},
    "write": _CREATE | {"storage.objects.delete"},
}
"""Rights of a caller on a bucket, as permissions of Cloud Storage. Replacing an object needs the permission to delete
it; a 404 for a missing object needs the permission to list."""

Grants = Mapping[str, str]
"""All rights of a caller: bucket => name in RIGHTS."""


class StorageService:
    """The ASGI application. The port identifies the caller.

    callers: the rights of each port's callers; None for an owner.
    """

    def __init__(self, store: ObjectStore, callers: Mapping[int, Grants | None]) -> None:
        self._store, self._callers = store, callers
        self._calls: Mapping[int, Counter[str]] = {port: Counter() for port in callers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        `GET /_calls` returns the number of requests at this port so far, by bucket and kind.
        """
        sent = Request(scope, receive)
        body = await sent.body()
        # No await from here to the response: requests run one after the other, so exactly one of two concurrent
        # creations succeeds.
        response = (
            JSONResponse(self._calls[_port(sent)]) if sent.url.path == CALLS else self._answer(sent, body)
        )
        await response(scope, receive, send)

    def _answer(self, sent: Request, body: bytes) -> Response:
        """Check and carry out one request; any error of the emulator becomes a 500 response."""
        method = sent.headers.get("x-http-method-override") or sent.method
        request = emulator.Request(_as_handler(sent, body), method)
        response = emulator.Response(None)
        try:
            _read_body(request, sent.headers.get("content-type", ""), body)
            self._calls[_port(sent)][_kind(request)] += 1
            _dispatch(request, response, self._store, self._callers[_port(sent)])
        except Exception as error:  # noqa: BLE001  # any error becomes the response
            _log.exception("%s %s", method, sent.url)
            response = emulator.Response(None)
            _answer_error(response, HTTPStatus.INTERNAL_SERVER_ERROR, "internalError", str(error))
        headers = {name: str(value) for name, value in response._headers.items()}
        return Response(response._content, response.status, headers)


def _port(sent: Request) -> int:
    return int(sent.scope["server"][1])


def _as_handler(sent: Request, body: bytes) -> SimpleNamespace:
    """Return a request in the shape of http.server's handler, as the emulator expects it."""
    headers = sent.headers.mutablecopy()
    # A chunked body is already decoded, and must not be decoded again.
    del headers["transfer-encoding"]
    headers["content-length"] = str(len(body))
    return SimpleNamespace(
        path=f"{sent.scope['raw_path'].decode(errors='replace')}?{sent.url.query}",
        server=SimpleNamespace(server_address=sent.scope["server"]),
        headers=headers,
        rfile=io.BytesIO(body),
    )


def _kind(request: Any) -> str:
    """Return bucket and kind of a request: `state-bucket write`."""
    found = _BUCKET.search(request.path)
    bucket = found[1] if found else "-"
    if request.method in ("POST", "PUT"):
        return f"{bucket} write"
    if request.method == "GET":
        # A path that ends in /o is a listing; a path without /o names the bucket itself.
        is_list = request.path.rstrip("/").endswith("/o")
        return f"{bucket} {'list' if is_list else 'read' if '/o/' in request.path else 'bucket'}"
    return f"{bucket} {request.method.lower()}"


def _read_body(request: Any, content_type: str, body: bytes) -> None:
    """Set the request's body where the emulator would read it wrongly.

    For multipart uploads the emulator loses parameters of the content type. For simple uploads it decodes JSON, which
    has to be stored unchanged.
    """
    multipart = content_type.startswith("multipart/related")
    if not multipart and request.query.get("uploadType") != ["media"]:
        return
    raw = emulator._decode_raw_data(body, request._request_handler) or b""
    request._data = split_upload(content_type, raw) if multipart else raw


def split_upload(content_type: str, raw: bytes) -> dict[str, Any]:
    """Return the metadata and the content of a multipart upload, byte for byte, in the emulator's form.

    Raises ValueError when the body does not have the two parts.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise ValueError("a multipart upload names its boundary")
    delimiter = f"--{found[1] or found[2]}".encode()
    parts = (b"\r\n" + raw).split(b"\r\n" + delimiter)
    if len(parts) != 4:
        raise ValueError("a multipart upload has a metadata part and a content part")
    meta, content = (part.partition(b"\r\n\r\n") for part in parts[1:3])
    return {
        "meta": json.loads(meta[2]),
        "content": content[2],
        "content-type": _part_type(content[0]) or "application/octet-stream",
    }


def _part_type(head: bytes) -> str | None:
    """Return the content type in the headers of a part."""
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-type":
            return value.strip()
    return None


def _dispatch(request: Any, response: Any, store: ObjectStore, grants: Grants | None) -> None:
    """Check the caller's rights and the request's preconditions, and carry it out."""
    handler = _handler_for(request)
    if handler is None:
        _answer_error(response, HTTPStatus.NOT_IMPLEMENTED, "notImplemented", f"no {request.method} here")
        return
    target = _target(request, store)
    if (missing := _missing_permission(request, target, store, grants)) is not None:
        message = f"The caller does not have {missing} access to the Google Cloud Storage object."
        _answer_error(response, HTTPStatus.FORBIDDEN, "forbidden", message)
        return
    if target is not None:
        if request.method in ("POST", "PUT") and (fault := name_fault(target[1])):
            _answer_error(response, HTTPStatus.BAD_REQUEST, "invalid", fault)
            return
        current = store.generation_of(*target)
        asked = request.query.get("generation")
        if asked and not request.query.get("softDeleted") and int(asked[0]) != current[0]:
            _answer_error(response, HTTPStatus.NOT_FOUND, "notFound", f"No such object: {'/'.join(target)}")
            return
        failed = failed_condition(request.query, current)
        if failed is not None:
            message = f"At least one of the pre-conditions you specified did not hold: {failed}."
            _answer_error(response, HTTPStatus.PRECONDITION_FAILED, "conditionNotMet", message)
            return
        if request.method == "PATCH":
            _keep_other_metadata(request.data, store.objects.get(target[0], {}).get(target[1]))
        if fault := metadata_fault(_custom_metadata(request)):
            _answer_error(response, HTTPStatus.BAD_REQUEST, "invalid", fault)
            return
    handler(request, response, store)
    if target is not None and request.method == "GET":
        _remove_metadata_headers(response)
        _add_generation_headers(response, store.objects.get(target[0], {}).get(target[1]))


def _missing_permission(
    request: Any, target: tuple[str, str] | None, store: ObjectStore, grants: Grants | None
) -> str | None:
    """Return the first permission that the caller lacks for the request; None when it has all. grants: None for an
    owner."""
    if grants is None:
        return None
    bucket = target[0] if target is not None else (request.params or {}).get("bucket_name")
    is_there = target is not None and store.generation_of(*target)[0] != 0
    held = RIGHTS[grants[str(bucket)]] if bucket in grants else frozenset[str]()
    return next((it for it in _required_permissions(request, target, is_there) if it not in held), None)


def _required_permissions(request: Any, target: tuple[str, str] | None, is_there: bool) -> tuple[str, ...]:
    """Return the permissions that Cloud Storage requires for a request.

    https://cloud.google.com/storage/docs/access-control/iam-json
    """
    method = request.method
    if target is None:
        if method == "GET":
            lists = request.path.rstrip("/").endswith("/o")
            return ("storage.objects.list",) if lists else ("storage.buckets.get",)
        return ("storage.buckets.create",)  # no right includes creating or deleting buckets
    if method == "GET":
        # A 404 discloses as much as a listing, so a missing object needs the permission to list.
        return ("storage.objects.get",) if is_there else ("storage.objects.get", "storage.objects.list")
    if method == "PATCH":
        return ("storage.objects.update",)
    if method == "DELETE":
        return ("storage.objects.delete",)
    return ("storage.objects.create", "storage.objects.delete") if is_there else ("storage.objects.create",)


def _custom_metadata(request: Any) -> dict[str, Any] | None:
    """Return the custom metadata that a request would set on its object; None when it sets none."""
    if request.method not in ("POST", "PUT", "PATCH") or not isinstance(request.data, dict):
        return None
    resource = request.data.get("meta", request.data)
    metadata = resource.get("metadata") if isinstance(resource, dict) else None
    return metadata if isinstance(metadata, dict) else None


def _keep_other_metadata(patch: Any, resource: dict[str, Any] | None) -> None:
    """Merge a patch's custom metadata into the object's, with null removing a key; the emulator drops all other keys.

    https://cloud.google.com/storage/docs/json_api/v1/objects/patch
    """
    if resource is not None and isinstance(patch, dict) and isinstance(patch.get("metadata"), dict):
        merged = {**(resource.get("metadata") or {}), **patch["metadata"]}
        patch["metadata"] = {key: value for key, value in merged.items() if value is not None}


def _remove_metadata_headers(response: Any) -> None:
    """Remove custom metadata from a download's headers, which cannot hold line feeds or characters beyond Latin-1.

    A download with such a header is interrupted. The JSON interface has the metadata in the object's resource.
    """
    response._headers = {
        name: value for name, value in response._headers.items() if not name.startswith("x-goog-meta-")
    }


def _add_generation_headers(response: Any, resource: dict[str, Any] | None) -> None:
    """Add the generation to a download's headers: clients use it as the precondition of a later write."""
    if resource is not None:
        response["x-goog-generation"] = resource["generation"]
        response["x-goog-metageneration"] = resource["metageneration"]
        response["x-goog-storage-class"] = resource.get("storageClass", "STANDARD")
        response["ETag"] = resource["etag"]


def failed_condition(query: dict[str, list[str]], current: tuple[int, int]) -> str | None:
    """Return the first precondition that an object of this (generation, metageneration) does not meet.

    Generation 0 means no live object, as in the JSON interface.
    """
    for name, part, must_equal in _CONDITIONS:
        if name in query and (int(query[name][0]) == current[part]) is not must_equal:
            return name
    return None


def _handler_for(request: Any) -> Any:
    for pattern, handlers in _ROUTES:
        match = pattern.fullmatch(request.path)
        if not match:
            continue
        request.set_match(match)
        handler = handlers.get(request.method)
        if handler is None and request.method == "POST" and request.query.get("uploadType"):
            return emulator.objects.insert
        return handler
    return None


def _target(request: Any, store: ObjectStore) -> tuple[str, str] | None:
    """Return the object that the preconditions apply to: the written one, otherwise the named one."""
    params = request.params or {}
    if "dest_object_id" in params:
        return params["dest_bucket_name"], params["dest_object_id"]
    if "object_id" in params:
        return params["bucket_name"], params["object_id"]
    session = request.query.get("upload_id")
    if session:
        upload = store.resumable.get(session[0])
        return (upload["bucket"], upload["name"]) if upload else None
    if request.query.get("uploadType") and "bucket_name" in params:
        body = request.data if isinstance(request.data, dict) else {}
        named = request.query.get("name") or [body.get("meta", body).get("name")]
        return (params["bucket_name"], named[0]) if named[0] else None
    return None


def _answer_error(response: Any, status: HTTPStatus, reason: str, message: str) -> None:
    """Set an error response in the JSON interface's form."""
    response.status = status
    error = {"domain": "global", "reason": reason, "message": message}
    response.json({"error": {"code": status.value, "message": message, "errors": [error]}})
