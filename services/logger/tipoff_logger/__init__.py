"""The logger, the only writer of the dataset."""
