"""Checking infra/terraform without a cloud: pinned tools, a fake provider, policies over plans."""
