"""The chain of an id: the rows of the dataset and the controller's records, assembled as a tree."""
