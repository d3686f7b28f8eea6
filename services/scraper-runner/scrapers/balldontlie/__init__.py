"""BALLDONTLIE: a paid API whose key travels in a header and whose lists come in pages."""
