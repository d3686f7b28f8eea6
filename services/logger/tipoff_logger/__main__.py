"""`python -m tipoff_logger`: the service."""

from tipoff_common.settings import require_settings
from tipoff_logger.settings import LoggerSettings

if __name__ == "__main__":
    settings = require_settings("logger", LoggerSettings)
    # After the settings, as these imports are slow and a missing setting should be reported at once.
    from tipoff_common.web import serve
    from tipoff_logger.app import create_app

    serve("logger", settings, create_app)
