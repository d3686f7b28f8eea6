"""One chain from expectation to receipt: read from the dataset and the state bucket, and put together as a tree."""
