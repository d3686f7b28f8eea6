"""Settings of the logger."""

from tipoff_common.settings import ServiceSettings


class LoggerSettings(ServiceSettings):
    """The logger needs nothing beyond what every service needs."""
