"""Documents that are nearly right, for every parser of the fleet."""
