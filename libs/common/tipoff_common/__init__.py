"""The language all Tipoff services share: events, statuses, clock, settings, ports and their adapters."""

__version__ = "0.1.0"
