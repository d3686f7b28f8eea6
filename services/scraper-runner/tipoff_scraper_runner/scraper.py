"""The interface of a scraper: a folder with `scraper.yaml` and a `scraper.py` that defines these three names.

Parameters   a ScrapeParameters model with the fields that the YAML declares
fetch        requests the document from the source and returns its payload unchanged
parse        a pure function from the payload to records; runs again on a saved payload without fetching

Two more are optional: `lost` compares an edition of a list with the previous one (`Compares`), and `stated` reads
parameters from a saved payload (`StatesParameters`).
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

    # An undeclared parameter is a misspelt one, and would otherwise be ignored on the night it matters.
    model_config = ConfigDict(frozen=True, extra="forbid")

    game_date: date


class Record(BaseModel):
    """One parsed row; scrapers subclass it. It is written as JSON, which has no infinity and no NaN.

    Texts are converted to Unicode's NFC, so that a name is the same sequence of characters from every source. A text
    with an unpaired surrogate is refused.
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
    """Return the text in NFC. Raises UnicodeEncodeError for invalid Unicode; pydantic then names the field."""
    if not text.isascii():
        # An unpaired surrogate cannot be encoded as UTF-8, in which records are written.
        text.encode()
    return unicodedata.normalize("NFC", text)


@dataclass(frozen=True)
class Response:
    """An HTTP response with status 2xx or one of the scraper's `expected` statuses. Secrets that the source repeats in
    headers or body are replaced by ***."""

    status: int
    url: str
    """The address after redirects, without secret parameters."""
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


class Http(Protocol):
    """A scraper's only access to its source: paced per host, retried, bounded in time and size."""

    @property
    def now(self) -> datetime:
        """The instant of this scrape, aware UTC; in a replay, the instant of the tick."""

    def secret(self, name: str) -> SecretStr:
        """Return the secret of that name, for `query` or `headers`; scraper.yaml has to declare it.

        Raises:
            Misconfigured: it is not declared, or this installation lacks it.
        """

    def note(self, name: str, value: JsonValue) -> None:
        """Add a fact about this scrape to `data_summary`, for every outcome.

        Raises:
            TypeError: JSON cannot hold the value, such as a date.
        """

    def get(
        self,
        url: str,
        *,
        query: Mapping[str, str | SecretStr] = {},
        headers: Mapping[str, str | SecretStr] = {},
        expected: frozenset[int] = frozenset(),
    ) -> Response:
        """GET `url` with `query` added; return the response for any 2xx and for the statuses in `expected`. Redirects
        are followed on the same host.

        Raises:
            TimedOut, HttpFailure: after the retries that scraper.yaml allows.
            Blocked: a redirect to another host.
            Undecodable: the body's encoding is broken.
        """


@dataclass(frozen=True)
class Payload:
    """The unchanged bytes of a response, and their address."""

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
    """JSON values for `data_summary`, beside `record_count`."""
    empty_reason: str = ""
    """Why an empty document is legitimate (the outcome is `no_data`); without a reason, an empty parse is
    `failed`/`source_changed`."""
    about: date | None = None
    """The day that the document itself states. Another day than the requested one is never a success: an earlier day is
    `no_data`, a later one `failed`/`source_changed`."""
    fan_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The values to request follow-up steps for, by key of scraper.yaml's `fan_out_keys`."""
    set_aside: Sequence[str] = ()
    """One reason for each item that could not be parsed and is not among the records."""
    contradictions: Sequence[str] = ()
    """Contradictions within the document or with the clock, one sentence each."""
    suspect: str = ""
    """Why the document is outdated: frozen, or of last season. The outcome is `failed`/`source_changed`: the payload is
    kept, and no records are written or announced."""
    games_listed: int | None = None
    """Number of games of the requested day in a document that lists a day's games; None for any other document."""
    slate: Mapping[str, datetime | None] | None = None
    """Tip-off of each listed game of the day by "AWAY@HOME", None for a game that is not played; the controller detects
    an outdated calendar by it. Games with undecided teams or times are left out. None for a document without
    tip-offs."""


class Scraper(Protocol[P]):
    """The shape of a scraper module."""

    Parameters: type[ScrapeParameters]

    def fetch(self, parameters: P, http: Http, /) -> Payload:
        """Fetch the payload. Raises NotPublished, or a ScrapeFailure."""

    def parse(self, payload: bytes, parameters: P, /) -> Parsed:
        """Parse the payload. Raises Undecodable, SourceChanged, or Blocked when the payload is a page for people."""


class Compares(Protocol):
    """The optional function of a scraper module whose documents are editions of a list that hardly shrinks."""

    def lost(self, parsed: Parsed, previous: Sequence[Mapping[str, JsonValue]], /) -> str:
        """Describe the records of the previous edition that `parsed` lost; blank when the loss is no larger than
        usual."""


class StatesParameters(Protocol):
    """The optional function of a scraper module whose documents state their parameters."""

    def stated(self, payload: bytes, /) -> Mapping[str, str]:
        """Return the parameters that the document states, as text, so that the user need not repeat them.

        Raises Undecodable or SourceChanged.
        """
