"""`python -m tipoff_controller`: the service."""

from tipoff_common.settings import require_settings
from tipoff_controller.settings import ControllerSettings

if __name__ == "__main__":
    settings = require_settings("controller", ControllerSettings)
    # Imported after the settings are checked: importing the application takes longer than reporting a missing setting.
    from tipoff_common.web import serve
    from tipoff_controller.app import create_app

    serve("controller", settings, create_app)
