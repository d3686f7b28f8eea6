"""The high waters of a day, as harbour has them."""
