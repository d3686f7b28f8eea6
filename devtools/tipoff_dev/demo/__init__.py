"""The demo: one game day replayed through the real services, and the dataset asked what happened."""
