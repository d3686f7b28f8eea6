"""The parts of grafana-foundation-sdk that the dashboards are built with, imported in one place.

The SDK warns on import that it prefers the second schema of dashboards. Every supported Grafana reads the first schema
from a file; the second needs Grafana 12 and its API.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import (
        alerting,
        bigquery,
        common,
        dashboard,
        expr,
        stat,
        table,
        timeseries,
    )
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models import dashboard as dashboard_models

__all__ = [
    "alerting",
    "bigquery",
    "common",
    "dashboard",
    "dashboard_models",
    "expr",
    "register_default_plugins",
    "stat",
    "table",
    "timeseries",
]
