"""Dashboards and alert rules for Grafana, written in code and generated into infra/grafana."""
