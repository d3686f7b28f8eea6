"""Contents of each page, as values: pure functions of the rows that were read, and the schemas of the JSON twins."""
