"""The demo: a replay of one game day through the real services, and queries of the resulting dataset."""
