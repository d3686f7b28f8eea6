"""`python -m tipoff_scraper_runner`: the service."""

from tipoff_common.web import serve
from tipoff_scraper_runner.app import create_app
from tipoff_scraper_runner.settings import RunnerSettings

if __name__ == "__main__":
    serve("scraper-runner", RunnerSettings, create_app)
