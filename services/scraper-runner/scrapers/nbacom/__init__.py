"""Scrapers of nba.com: its schedule, scoreboard, box scores, and the reports that it publishes as PDF."""
