"""Checks of infra/terraform without a cloud: pinned tools, a fake provider, policies over plans."""
