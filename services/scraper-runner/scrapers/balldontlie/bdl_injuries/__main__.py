"""Run this scraper from the command line, as `python -m` with its package."""

from tipoff_scraper_runner.cli import run_module

if __name__ == "__main__":
    run_module("bdl_injuries")
