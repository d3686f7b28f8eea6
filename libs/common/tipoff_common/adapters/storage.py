"""Objects on Cloud Storage: the calls of an execution by `storage_calls`, the rare ones by google-cloud-storage.

Create-if-absent is an upload with if_generation_match=0
(https://cloud.google.com/storage/docs/request-preconditions); idempotency depends on it.
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
"""HTTP statuses of a malformed or too large request; a retry would fail again."""
_RETRY_SECONDS = 8.0
"""How long one call is retried. When one attempt in three fails, about one call in a million still fails. An outage is
left to redelivery, and a push has to be answered within its ack deadline."""
_WRITE = "tipoff-write"
"""Metadata that names one call of `create` or `replace`; removed before callers see the metadata."""
_TIMEOUT_SECONDS = 20.0
_CHUNK_BYTES = 4 * 256 * 1024
"""Size of one part of a resumable upload; it has to be a multiple of 256 KiB
(https://cloud.google.com/storage/docs/performing-resumable-uploads#chunked-upload)."""


class StorageClient(Client):  # type: ignore[misc]  # published without types
    """Google's client, and the lean calls to the same endpoint with the same credentials."""

    def __init__(self, project: str, credentials: Credentials | None, connections: int) -> None:
        super().__init__(project=project, credentials=credentials)
        self.calls = StorageCalls(self.api_endpoint, self._credentials, connections)

    def close(self) -> None:
        """Close the connections of the client and of the lean calls."""
        self.calls.close()
        super().close()


def storage_client(project: str, emulator: str | None, connections: int = 10) -> StorageClient:
    """Build a client that keeps up to `connections` open at once.

    The client is anonymous on an emulator; the library reads the emulator's address from STORAGE_EMULATOR_HOST.
    """
    client = StorageClient(project, AnonymousCredentials() if emulator else None, connections)
    # requests keeps 10 connections per host by default: each further call opens and discards one, and logs that the
    # pool is full. The client has no public parameter for its session.
    for scheme in ("https://", "http://"):
        client._http.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections))
    # To label its own tracing spans, which are off here, the client would read the bucket's metadata in a background
    # thread and retry for two minutes: more calls in an outage, and a permission that the services lack.
    client._bucket_metadata_cache = None
    return client


def _retry(on_error: Callable[[Exception], None] | None = None) -> Retry:
    """Build the only layer of retries: for errors that Cloud Storage calls transient, with jitter, for a bounded time.

    Each call gets it explicitly, since the client's own default would retry for two minutes.
    """
    return Retry(
        predicate=DEFAULT_RETRY._predicate,  # no public name
        initial=0.05,
        maximum=1.0,
        multiplier=2.0,
        timeout=_RETRY_SECONDS,
        on_error=on_error,
    )


class GcsObjects:
    """One bucket. Transient faults are retried for a few seconds; after that Pub/Sub redelivers the message.

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
                # A download's answer states the generation of its content, so the two belong together.
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
        """Write if the object has exactly that generation, 0 for no object; return whether it was written."""
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
                    boundary=write,  # random, so that no body contains it
                    generation=generation,
                )
            except PreconditionFailed:
                # An attempt whose answer was lost may have written the object, so that its own retry fails. If this
                # returned False, the caller would wait for a lease that it holds itself.
                return bool(failed) and self._was_written_by(write, name)
            except Forbidden:
                # Overwriting needs a permission that a create-only account lacks, and Cloud Storage may check it before
                # the generation: for such an account 403 means that the object exists.
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
        # No retries: `chunks` can be read only once.
        with (
            self._translating("write", name),
            BlobWriter(
                blob, _CHUNK_BYTES, retry=None, content_type=content_type, timeout=_TIMEOUT_SECONDS
            ) as upload,
        ):
            for chunk in chunks:
                upload.write(chunk)

    def delete(self, name: str, *, generation: int | None = None) -> None:
        """See `Objects.delete`."""
        try:
            self._client.calls.delete(self._name, name, generation)
        except (NotFound, PreconditionFailed):
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
        return ObjectInfo(
            blob.name, blob.size or 0, blob.updated, _without_mark(blob.metadata), blob.generation
        )

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
                raise Unavailable(f"bucket {self.bucket} does not exist; create it, or set another bucket")
        except _FAULTS as error:
            raise Unavailable(f"bucket {self.bucket} cannot be reached: {error}") from error

    def _blob(self, name: str, metadata: Mapping[str, str]) -> Blob:
        check_object(name, metadata)
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        return blob

    @contextmanager
    def _translating(self, verb: str, name: str) -> Iterator[None]:
        """Convert the client's errors to those of the port."""
        try:
            yield
        except _FAULTS as error:
            fault = f"Cloud Storage did not {verb} gs://{self.bucket}/{name}: {error}"
            if isinstance(error, GoogleAPICallError) and error.code in _REFUSALS:
                raise PermanentRefusal(fault) from error
            raise Unavailable(fault) from error


def _without_mark(metadata: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the metadata without the entry that `_write_if` added."""
    return {name: value for name, value in (metadata or {}).items() if name != _WRITE}


def _listed(resource: Mapping[str, Any]) -> ObjectInfo:
    """Convert an object resource of a JSON listing."""
    return ObjectInfo(
        resource["name"],
        int(resource.get("size", 0)),
        datetime.fromisoformat(resource["updated"]),
        _without_mark(resource.get("metadata")),
        int(resource["generation"]),
    )
