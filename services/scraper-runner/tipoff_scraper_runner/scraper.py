"""The interface of a scraper: a folder with `scraper.yaml` and a `scraper.py` that offers these three names.

Parameters   a ScrapeParameters model whose fields are those the YAML declares
fetch        talks to the source and returns its payload unchanged
parse        a pure function from the payload to records; runs again on a saved payload without fetching

It may offer two more: `lost`, which compares an edition of a list with the one before (`Compares`), and `stated`, which
reads parameters off a saved payload (`StatesParameters`).
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, SecretStr, field_validator

P = TypeVar("P", bound="ScrapeParameters", contravariant=True)


class ScrapeParameters(BaseModel):
    """The typed parameters of one request; `game_date` is the date the data is about."""

    # A parameter that nobody declared is a misspelt one, and would be ignored on the night it matters.
    model_config = ConfigDict(frozen=True, extra="forbid")

    game_date: date


class Record(BaseModel):
    """One parsed row; scrapers subclass it. JSON, as which it is written, has no infinity and no NaN.

    Texts are in Unicode's NFC, so that one name is one sequence of characters whichever source spells it. One with an
    unpaired surrogate is refused.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="after")
    @classmethod
    def _in_nfc(cls, value: object) -> object:
        if isinstance(value, str):
            return _nfc(value)
        if isinstance(value, tuple):
            return tuple(_nfc(item) if isinstance(item, str) else item for item in value)
        return value


def _nfc(text: str) -> str:
    """Return the text in NFC. Raises UnicodeEncodeError, by which pydantic names the field, for what is no Unicode."""
    if not text.isascii():
        # An unpaired surrogate cannot be encoded as UTF-8, in which records are written.
        text.encode()
    return unicodedata.normalize("NFC", text)


@dataclass(frozen=True)
class Response:
    """An HTTP answer that the scraper asked to see (2xx, or one of its `expected` statuses). A secret that the source
    repeats in headers or body is *** in them."""

    status: int
    url: str
    """Its address, after redirects and without secret parameters."""
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


class Http(Protocol):
    """The only way a scraper reaches its source: paced per host, retried, bounded in time and size."""

    @property
    def now(self) -> datetime:
        """The instant of this scrape, aware UTC: the tick's time when a day is replayed."""

    def secret(self, name: str) -> SecretStr:
        """Return the secret of that name, for `query` or `headers`; scraper.yaml declares it.

        Raises:
            Misconfigured: it is not declared, or this installation lacks it.
        """

    def note(self, name: str, value: JsonValue) -> None:
        """Put a fact about this scrape into `data_summary`, however the scrape ends.

        Raises:
            TypeError: JSON cannot hold the value: a date, for one.
        """

    def get(
        self,
        url: str,
        *,
        query: Mapping[str, str | SecretStr] = {},
        headers: Mapping[str, str | SecretStr] = {},
        expected: frozenset[int] = frozenset(),
    ) -> Response:
        """GET `url` with `query` added. Returns for any 2xx and for the statuses in `expected`. Redirects are followed
        on the same host.

        Raises:
            TimedOut, HttpFailure: after the retries that scraper.yaml allows.
            Blocked: a redirect to another host.
            Undecodable: the body's encoding is broken.
        """


@dataclass(frozen=True)
class Payload:
    """The source's bytes as the response has them, and where they are from."""

    body: bytes
    url: str
    suffix: str
    """The file ending, e.g. "pdf"."""


@dataclass(frozen=True)
class Parsed:
    """The result of parsing a payload."""

    records: Sequence[Record]
    """The rows to write; their number is the record count."""
    summary: Mapping[str, JsonValue] = field(default_factory=dict)
    """JSON values that ride in `data_summary` beside `record_count`."""
    empty_reason: str = ""
    """Why no records is a legitimate answer (it becomes `no_data`); without one, an empty parse is
    `failed`/`source_changed`."""
    about: date | None = None
    """The day that the document itself says it is about. Another one than was asked for is never a success: an earlier
    one is `no_data`, a later one `failed`/`source_changed`."""
    fan_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each of scraper.yaml's `fan_out_keys`, the values that follow-up steps are requested for."""
    set_aside: Sequence[str] = ()
    """One reason for each item that could not be read and is not among the records."""
    contradictions: Sequence[str] = ()
    """Contradictions within the document or with the clock, one sentence each."""
    suspect: str = ""
    """Why the document is not to be taken for the present state: frozen, or of last season. It becomes
    `failed`/`source_changed`: the payload is kept, and no records are written or announced."""
    games_listed: int | None = None
    """How many games of the asked day a document that lists a day's games has; None for any other document."""
    slate: Mapping[str, datetime | None] | None = None
    """When each listed game of the day tips off, by "AWAY@HOME", None for one that is not played, by which the
    controller notices a calendar that is out of date. None for a document that does not tell, and games whose teams or
    time are undecided are left out."""


class Scraper(Protocol[P]):
    """The shape of a scraper module."""

    Parameters: type[ScrapeParameters]

    def fetch(self, parameters: P, http: Http, /) -> Payload:
        """Fetch the payload. Raises NotPublished, or a ScrapeFailure."""

    def parse(self, payload: bytes, parameters: P, /) -> Parsed:
        """Parse the payload. Raises Undecodable, SourceChanged, or Blocked where the payload is a page for people."""


class Compares(Protocol):
    """The additional function of a scraper module whose documents are editions of one list that hardly shrinks."""

    def lost(self, parsed: Parsed, previous: Sequence[Mapping[str, JsonValue]], /) -> str:
        """Say what `parsed` lost of the records of the edition before; blank when it lost no more than is usual."""


class StatesParameters(Protocol):
    """The additional function of a scraper module whose documents state their parameters."""

    def stated(self, payload: bytes, /) -> Mapping[str, str]:
        """Return the parameters that the document states, as text, so that nobody has to give them again.

        Raises Undecodable or SourceChanged.
        """
