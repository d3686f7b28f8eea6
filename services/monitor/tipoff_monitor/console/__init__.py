"""The console: server-rendered pages for people, served by the monitor."""
