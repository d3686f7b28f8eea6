"""`python -m tipoff_cleanup`: the service."""

from tipoff_cleanup.settings import CleanupSettings
from tipoff_common.settings import require_settings

if __name__ == "__main__":
    settings = require_settings("cleanup", CleanupSettings)
    # After the settings, as these imports are slow and a missing setting should be reported at once.
    from tipoff_cleanup.app import create_app
    from tipoff_common.web import serve

    serve("cleanup", settings, create_app)
