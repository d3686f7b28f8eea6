"""Settings of the cleanup service."""

from pydantic import Field

from tipoff_common.settings import ServiceSettings


class CleanupSettings(ServiceSettings):
    """What cleanup needs beyond what every service needs."""

    lookback_hours: int = Field(
        default=24, ge=1, le=24 * 7, description="how far back landed files are compared"
    )
    lost_after_hours: int = Field(
        default=6, ge=1, description="without a receipt for this long, a file is lost"
    )
    max_republishes: int = Field(default=3, ge=1, le=10, description="times one file is announced again")
    pubsub_enabled: bool = Field(default=True, description="false: a dry run that republishes nothing")
