"""Records: the only writer of the dataset."""
