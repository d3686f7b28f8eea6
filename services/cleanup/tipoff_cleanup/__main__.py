"""`python -m tipoff_cleanup`: the service."""

from tipoff_cleanup.app import create_app
from tipoff_cleanup.settings import CleanupSettings
from tipoff_common.web import serve

if __name__ == "__main__":
    serve("cleanup", CleanupSettings, create_app)
