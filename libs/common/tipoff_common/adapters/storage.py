"""Objects on Cloud Storage: the calls of an execution by `storage_calls`, the rare ones by google-cloud-storage.

Create-if-absent is an upload with if_generation_match=0
(https://cloud.google.com/storage/docs/request-preconditions); idempotency rests on it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

from google.api_core.exceptions import (
    Forbidden,
    GoogleAPICallError,
    GoogleAPIError,
    NotFound,
    PreconditionFailed,
)
from google.api_core.retry import Retry
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Blob, Client
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.fileio import BlobWriter
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException

from tipoff_common.adapters.storage_calls import StorageCalls
from tipoff_common.limits import check_object
from tipoff_common.ports import ObjectInfo, PermanentRefusal, Unavailable, Versioned

_FAULTS = (
    GoogleAPIError,
    GoogleAuthError,
    RequestException,
    ConnectionError,
    InvalidResponse,
    DataCorruption,
)
_REFUSALS = (400, 411, 413, 414, 431)
"""Answers to a request that cannot be read or is too large, which sending it again does not change."""
_RETRY_SECONDS = 8.0
"""How long a call is tried anew. At a fault in three calls it takes the wrong turn about once in a million; an outage
is redelivery's, and a push has to be answered within its ack deadline."""
_WRITE = "tipoff-write"
"""Metadata that names one call of `create` or `replace`, kept out of what callers see."""
_TIMEOUT_SECONDS = 20.0
_CHUNK_BYTES = 4 * 256 * 1024
"""Size of one part of a resumable upload; it has to be a multiple of 256 KiB
(https://cloud.google.com/storage/docs/performing-resumable-uploads#chunked-upload)."""


class StorageClient(Client):  # type: ignore[misc]  # published without types
    """Google's client, and beside it the lean calls to the same endpoint as the same caller."""

    def __init__(self, project: str, credentials: Credentials | None, connections: int) -> None:
        super().__init__(project=project, credentials=credentials)
        self.calls = StorageCalls(self.api_endpoint, self._credentials, connections)

    def close(self) -> None:
        """Close the connections of both."""
        self.calls.close()
        super().close()


def storage_client(project: str, emulator: str | None, connections: int = 10) -> StorageClient:
    """Build a client that keeps up to `connections` open at once.

    Anonymous on an emulator, whose address the library takes from STORAGE_EMULATOR_HOST.
    """
    client = StorageClient(project, AnonymousCredentials() if emulator else None, connections)
    # requests keeps 10 connections a host by default: each call beyond them opens one, throws it away and warns that
    # the pool is full. The client has no public parameter for its session.
    for scheme in ("https://", "http://"):
        client._http.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections))
    # To label spans that nobody makes here, the client reads the bucket's own metadata in a thread of its own and tries
    # for two minutes: more calls in an outage, and a right that the services do not have.
    client._bucket_metadata_cache = None
    return client


def _retry(on_error: Callable[[Exception], None] | None = None) -> Retry:
    """Build the only layer of retries: of what Cloud Storage calls transient, with jitter, for a bounded time.

    It is handed to each call, since the client's own default would go on for two minutes.
    """
    return Retry(
        predicate=DEFAULT_RETRY._predicate,  # which has no public name
        initial=0.05,
        maximum=1.0,
        multiplier=2.0,
        timeout=_RETRY_SECONDS,
        on_error=on_error,
    )


class GcsObjects:
    """One bucket. Transient faults are retried for a few seconds; after that the message is delivered again.

    Raises PermanentRefusal when no bucket can have that name.
    """

    def __init__(self, client: StorageClient, bucket: str) -> None:
        try:
            self._client, self._bucket, self._name = client, client.bucket(bucket), bucket
        except ValueError as error:  # the library's own check of the name
            raise PermanentRefusal(f"'{bucket}' is not the name of a bucket: {error}") from error

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._name

    def create(
        self,
        name: str,
        body: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] = {},
    ) -> bool:
        """See `Objects.create`."""
        return self._write_if(name, body, 0, content_type, metadata)

    def read(self, name: str) -> Versioned | None:
        """See `Objects.read`."""
        check_object(name)
        with self._translating("read", name):
            try:
                # The answer to a download names the generation whose content it is, so the two belong together.
                body, generation = _retry()(self._client.calls.download)(self._name, name)
            except NotFound:
                return None
        return Versioned(body, generation)

    def replace(self, name: str, body: bytes, *, generation: int) -> bool:
        """See `Objects.replace`."""
        return self._write_if(name, body, generation, "application/octet-stream", {})

    def annotate(self, name: str, metadata: Mapping[str, str]) -> Mapping[str, str] | None:
        """See `Objects.annotate`."""
        check_object(name, metadata)
        with self._translating("change", name):
            try:
                found = _retry()(self._client.calls.patch_metadata)(self._name, name, metadata)
            except NotFound:
                return None
        return _without_mark(found)

    def _write_if(
        self, name: str, body: bytes, generation: int, content_type: str, metadata: Mapping[str, str]
    ) -> bool:
        """Write over exactly that generation, 0 for no object; False when another one is there."""
        write, failed = uuid4().hex, list[Exception]()
        check_object(name, metadata := {**metadata, _WRITE: write})
        with self._translating("write", name):
            try:
                _retry(failed.append)(self._client.calls.upload)(
                    self._name,
                    name,
                    body,
                    content_type=content_type,
                    metadata=metadata,
                    boundary=write,  # as random as the call's own name, which no body contains
                    generation=generation,
                )
            except PreconditionFailed:
                # An attempt whose answer was lost may have written the object, and made its own repetition fail. Told
                # "somebody else was first", the caller would wait for a lease that nobody holds.
                return bool(failed) and self._was_written_by(write, name)
            except Forbidden:
                # To replace an object takes a right that a caller who only creates does not have, and it may be asked
                # after before the condition is: then it is an object that is there which refuses the caller.
                if generation or self.info(name) is None:
                    raise
                return bool(failed) and self._was_written_by(write, name)
        return True

    def _was_written_by(self, write: str, name: str) -> bool:
        blob = self._bucket.get_blob(name, timeout=_TIMEOUT_SECONDS, retry=_retry())
        return blob is not None and (blob.metadata or {}).get(_WRITE) == write

    def put(self, name: str, body: bytes, *, content_type: str, metadata: Mapping[str, str] = {}) -> None:
        """See `Objects.put`."""
        check_object(name, metadata)
        with self._translating("write", name):
            _retry()(self._client.calls.upload)(
                self._name,
                name,
                body,
                content_type=content_type,
                metadata=metadata,
                boundary=uuid4().hex,
            )

    def put_chunks(
        self, name: str, chunks: Iterable[bytes], *, content_type: str, metadata: Mapping[str, str] = {}
    ) -> None:
        """See `Objects.put_chunks`."""
        blob = self._blob(name, metadata)
        # No retries: what was read from `chunks` is gone.
        with (
            self._translating("write", name),
            BlobWriter(
                blob, _CHUNK_BYTES, retry=None, content_type=content_type, timeout=_TIMEOUT_SECONDS
            ) as upload,
        ):
            for chunk in chunks:
                upload.write(chunk)

    def delete(self, name: str) -> None:
        """See `Objects.delete`."""
        try:
            self._client.calls.delete(self._name, name)
        except NotFound:
            return
        except _FAULTS as error:
            raise Unavailable(f"Cloud Storage did not delete gs://{self.bucket}/{name}: {error}") from error

    def get(self, name: str) -> bytes | None:
        """See `Objects.get`."""
        read = self.read(name)
        return None if read is None else read.body

    def info(self, name: str) -> ObjectInfo | None:
        """See `Objects.info`."""
        check_object(name)
        with self._translating("read", name):
            blob = self._bucket.get_blob(name, timeout=_TIMEOUT_SECONDS, retry=_retry())
        if blob is None:
            return None
        return ObjectInfo(blob.name, blob.size or 0, blob.updated, _without_mark(blob.metadata))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Objects.list`."""
        token = ""
        while True:
            with self._translating("list", prefix):
                found, token = _retry()(self._client.calls.list_page)(self._name, prefix, token)
            for resource in found:
                yield _listed(resource)
            if not token:
                return

    def check(self) -> None:
        """See `Objects.check`."""
        try:
            if not self._bucket.exists(timeout=5.0, retry=None):
                raise Unavailable(
                    f"bucket {self.bucket} does not exist; make it, or name another in the settings"
                )
        except _FAULTS as error:
            raise Unavailable(f"bucket {self.bucket} cannot be reached: {error}") from error

    def _blob(self, name: str, metadata: Mapping[str, str]) -> Blob:
        check_object(name, metadata)
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        return blob

    @contextmanager
    def _translating(self, verb: str, name: str) -> Iterator[None]:
        """Raise the client's errors as the port's."""
        try:
            yield
        except _FAULTS as error:
            fault = f"Cloud Storage did not {verb} gs://{self.bucket}/{name}: {error}"
            if isinstance(error, GoogleAPICallError) and error.code in _REFUSALS:
                raise PermanentRefusal(fault) from error
            raise Unavailable(fault) from error


def _without_mark(metadata: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the metadata that callers gave."""
    return {name: value for name, value in (metadata or {}).items() if name != _WRITE}


def _listed(resource: Mapping[str, Any]) -> ObjectInfo:
    """Read a resource of a list as the interface writes it."""
    return ObjectInfo(
        resource["name"],
        int(resource.get("size", 0)),
        datetime.fromisoformat(resource["updated"]),
        _without_mark(resource.get("metadata")),
    )
