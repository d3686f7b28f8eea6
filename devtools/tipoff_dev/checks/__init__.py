"""Checks of the SQL and of the Terraform configuration."""
