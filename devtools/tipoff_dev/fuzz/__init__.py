"""A fuzzer of the fleet's parsers with nearly valid documents."""
