"""From an id to its chain: what the dataset knows, put together as a tree."""
