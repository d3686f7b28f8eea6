"""Settings of the fake."""

from pydantic import Field

from tipoff_common.settings import ServiceSettings
from tipoff_dev.fakes.phase2.behaviour import FAULTLESS, Behaviour


class Phase2Settings(ServiceSettings):
    """Settings of the fake in addition to those of every service."""

    phase2: Behaviour = Field(default=FAULTLESS, description="behaviour at the start, as JSON")
