"""The scraper-runner: runs one scraper for each request and publishes the outcome."""
