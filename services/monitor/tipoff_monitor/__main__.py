"""`python -m tipoff_monitor`: the service."""

from tipoff_common.settings import require_settings
from tipoff_monitor.settings import MonitorSettings

if __name__ == "__main__":
    settings = require_settings("monitor", MonitorSettings)
    # Imported after the settings are checked: importing the application takes longer than reporting a missing setting.
    from tipoff_common.web import serve
    from tipoff_monitor.app import create_app

    serve("monitor", settings, create_app)
