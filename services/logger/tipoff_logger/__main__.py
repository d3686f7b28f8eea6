"""`python -m tipoff_logger`: the service."""

from tipoff_common.settings import require_settings
from tipoff_logger.settings import LoggerSettings

if __name__ == "__main__":
    settings = require_settings("logger", LoggerSettings)
    # Only now, as importing what serves takes longer than finding out that a setting is missing.
    from tipoff_common.web import serve
    from tipoff_logger.app import create_app

    serve("logger", settings, create_app)
