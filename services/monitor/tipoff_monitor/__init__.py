"""The monitor: watches the fleet and notifies people of each fault once."""
