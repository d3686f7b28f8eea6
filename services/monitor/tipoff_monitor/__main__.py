"""`python -m tipoff_monitor`: the service."""

from tipoff_common.web import serve
from tipoff_monitor.app import create_app
from tipoff_monitor.settings import MonitorSettings

if __name__ == "__main__":
    serve("monitor", MonitorSettings, create_app)
