"""`python -m tipoff_logger`: the service."""

from tipoff_common.web import serve
from tipoff_logger.app import create_app
from tipoff_logger.settings import LoggerSettings

if __name__ == "__main__":
    serve("logger", LoggerSettings, create_app)
