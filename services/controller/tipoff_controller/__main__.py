"""`python -m tipoff_controller`: the service."""

from tipoff_common.web import serve
from tipoff_controller.app import create_app
from tipoff_controller.settings import ControllerSettings

if __name__ == "__main__":
    serve("controller", ControllerSettings, create_app)
