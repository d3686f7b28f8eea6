"""Checking infra/terraform without a cloud: pinned tools, a stand-in for the provider, policies over plans."""
