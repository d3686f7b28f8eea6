"""BALLDONTLIE: a paid API with a key in a header and paged lists."""
