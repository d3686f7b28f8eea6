"""Manual requests, over HTTP and on the command line."""

from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tipoff_common.clock import GameDate
from tipoff_common.events import ScrapeRequested, Source
from tipoff_common.faults import describe
from tipoff_common.identity import manual_occurrence_id, request_id
from tipoff_scraper_runner.errors import UnusablePath
from tipoff_scraper_runner.output_files import folder
from tipoff_scraper_runner.registry import RegisteredScraper


class ManualExecution(BaseModel):
    """The body of a manual request."""

    model_config = ConfigDict(extra="forbid")

    game_date: GameDate = Field(description="the date the data is about")
    parameters: Mapping[str, str] = Field(
        default_factory=dict, description="the scraper's other parameters, as text"
    )

    @field_validator("parameters")
    @classmethod
    def _game_date_is_not_among_them(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        # The two values could differ, and the output path depends on them.
        if "game_date" in value:
            raise ValueError("move game_date out of parameters, beside them")
        return value


class UnusableParameters(Exception):
    """The parameters do not fit the scraper; each of `faults` names a parameter and its fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def manual_request(
    scraper: RegisteredScraper,
    parameters: Mapping[str, str],
    *,
    source: Source,
    triggered_by: str,
    now: datetime,
    idempotency_key: str | None = None,
) -> ScrapeRequested:
    """Build the request; validate its parameters with the scraper's own model.

    idempotency_key: the same key gives the same request, hence the same execution.
    Raises UnusableParameters.
    """
    spec = scraper.spec
    try:
        checked = scraper.module.Parameters.model_validate(parameters)
    except ValidationError as error:
        known = ", ".join(spec.parameters)
        faults = [
            (".".join(map(str, item["loc"])) or "parameters", describe(item)) for item in error.errors()
        ]
        raise UnusableParameters([f"{name}: {fault} (known: {known})" for name, fault in faults]) from error
    # Build the output path only to validate it: later, no caller would wait for the error.
    try:
        folder(spec, checked, checked.game_date)
    except UnusablePath as error:
        raise UnusableParameters([str(error)]) from error
    # Without a key every call is a new request.
    key = idempotency_key or str(uuid4())
    # No occurrence and no decision: the controller ignores the execution and requests no follow-ups.
    return ScrapeRequested(
        request_id=request_id(manual_occurrence_id(spec.name, key), "main", spec.name, parameters, 1),
        workflow="MANUAL",
        step="main",
        scraper=spec.name,
        game_date=checked.game_date,
        parameters=parameters,
        attempt=1,
        source=source,
        triggered_by=triggered_by,
        requested_at=now,
    )
