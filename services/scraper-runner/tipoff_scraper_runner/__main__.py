"""`python -m tipoff_scraper_runner`: the service."""

from tipoff_common.settings import require_settings
from tipoff_scraper_runner.settings import RunnerSettings

if __name__ == "__main__":
    settings = require_settings("scraper-runner", RunnerSettings)
    # Imported after the settings are read: a missing setting is reported before the slow import of the web server.
    from tipoff_common.web import serve
    from tipoff_scraper_runner.app import create_app

    serve("scraper-runner", settings, create_app)
