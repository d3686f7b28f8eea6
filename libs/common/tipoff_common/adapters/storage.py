"""Objects on google-cloud-storage.

Create-if-absent is an upload with if_generation_match=0
(https://cloud.google.com/storage/docs/request-preconditions); idempotency rests on it.
"""

from collections.abc import Iterable, Iterator, Mapping

from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Blob, Client
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.fileio import BlobWriter
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException

from tipoff_common.ports import ObjectInfo, Unavailable, Versioned

_FAULTS = (GoogleAPIError, GoogleAuthError, RequestException, ConnectionError)
_TIMEOUT_SECONDS = 20.0
_LISTED = "items(name,size,updated,metadata),nextPageToken"
"""What an answer to a list call holds: a fifth of what it does when nothing is said."""
_CHUNK_BYTES = 4 * 256 * 1024
"""What a resumable upload sends at a time; a multiple of 256 KiB is asked for
(https://cloud.google.com/storage/docs/performing-resumable-uploads#chunked-upload)."""


def storage_client(project: str, emulator: str | None, connections: int = 10) -> Client:
    """Build a client that keeps up to `connections` open at once.

    Anonymous on an emulator, whose address the library takes from STORAGE_EMULATOR_HOST.
    """
    client = Client(project=project, credentials=AnonymousCredentials() if emulator else None)
    # requests keeps 10 connections a host by default: each call beyond them opens one, throws it away and warns that
    # the pool is full. The client has no public parameter for its session.
    for scheme in ("https://", "http://"):
        client._http.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections))
    return client


class GcsObjects:
    """One bucket. Transient faults are not retried here: the message that caused the call is delivered again."""

    def __init__(self, client: Client, bucket: str) -> None:
        self._client, self._bucket = client, client.bucket(bucket)

    @property
    def bucket(self) -> str:
        return str(self._bucket.name)

    def create(
        self,
        name: str,
        body: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] = {},
    ) -> bool:
        return self._write_if(name, body, 0, content_type, metadata)

    def read(self, name: str) -> Versioned | None:
        blob = self._bucket.blob(name)
        try:
            # The answer to a download names the generation whose content it is, so the two belong together.
            body = bytes(blob.download_as_bytes(timeout=_TIMEOUT_SECONDS, retry=None))
        except NotFound:
            return None
        except _FAULTS as error:
            raise Unavailable(f"Cloud Storage did not read gs://{self.bucket}/{name}: {error}") from error
        return Versioned(body, int(blob.generation))

    def replace(self, name: str, body: bytes, *, generation: int) -> bool:
        return self._write_if(name, body, generation, "application/octet-stream", {})

    def annotate(self, name: str, metadata: Mapping[str, str]) -> Mapping[str, str] | None:
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        try:
            blob.patch(timeout=_TIMEOUT_SECONDS, retry=None)
        except NotFound:
            return None
        except _FAULTS as error:
            raise Unavailable(f"Cloud Storage did not change gs://{self.bucket}/{name}: {error}") from error
        return blob.metadata or {}

    def _write_if(
        self, name: str, body: bytes, generation: int, content_type: str, metadata: Mapping[str, str]
    ) -> bool:
        """Write over exactly that generation, 0 for no object; False when another one is there."""
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        try:
            blob.upload_from_string(
                body,
                content_type=content_type,
                if_generation_match=generation,
                timeout=_TIMEOUT_SECONDS,
                retry=None,
            )
        except PreconditionFailed:
            return False
        except _FAULTS as error:
            # To replace an object takes a right that a caller who only creates does not have, and it may be asked after
            # before the condition is: then an object that is there is a refusal of the caller.
            if generation == 0 and isinstance(error, Forbidden) and self.info(name) is not None:
                return False
            raise Unavailable(f"Cloud Storage did not write gs://{self.bucket}/{name}: {error}") from error
        return True

    def put(self, name: str, body: bytes, *, content_type: str, metadata: Mapping[str, str] = {}) -> None:
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        try:
            blob.upload_from_string(body, content_type=content_type, timeout=_TIMEOUT_SECONDS, retry=None)
        except _FAULTS as error:
            raise Unavailable(f"Cloud Storage did not write gs://{self.bucket}/{name}: {error}") from error

    def put_chunks(
        self, name: str, chunks: Iterable[bytes], *, content_type: str, metadata: Mapping[str, str] = {}
    ) -> None:
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        try:
            with BlobWriter(
                blob, _CHUNK_BYTES, retry=None, content_type=content_type, timeout=_TIMEOUT_SECONDS
            ) as upload:
                for chunk in chunks:
                    upload.write(chunk)
        except (*_FAULTS, InvalidResponse, DataCorruption) as error:
            raise Unavailable(f"Cloud Storage did not write gs://{self.bucket}/{name}: {error}") from error

    def get(self, name: str) -> bytes | None:
        try:
            return bytes(self._bucket.blob(name).download_as_bytes(timeout=_TIMEOUT_SECONDS, retry=None))
        except NotFound:
            return None
        except _FAULTS as error:
            raise Unavailable(f"Cloud Storage did not read gs://{self.bucket}/{name}: {error}") from error

    def info(self, name: str) -> ObjectInfo | None:
        try:
            blob = self._bucket.get_blob(name, timeout=_TIMEOUT_SECONDS, retry=None)
        except _FAULTS as error:
            raise Unavailable(f"Cloud Storage did not read gs://{self.bucket}/{name}: {error}") from error
        return None if blob is None else _info(blob)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        try:
            for blob in self._client.list_blobs(
                self._bucket, prefix=prefix, fields=_LISTED, timeout=_TIMEOUT_SECONDS, retry=None
            ):
                yield _info(blob)
        except _FAULTS as error:
            raise Unavailable(f"Cloud Storage did not list gs://{self.bucket}/{prefix}: {error}") from error

    def check(self) -> None:
        try:
            if not self._bucket.exists(timeout=5.0, retry=None):
                raise Unavailable(f"bucket {self.bucket} does not exist")
        except _FAULTS as error:
            raise Unavailable(f"bucket {self.bucket} cannot be reached: {error}") from error


def _info(blob: Blob) -> ObjectInfo:
    return ObjectInfo(blob.name, blob.size or 0, blob.updated, blob.metadata or {})
