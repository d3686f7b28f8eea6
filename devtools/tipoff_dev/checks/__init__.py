"""Checks of what Python cannot check: SQL and Terraform."""
