"""A deterministic simulation: the services' real handlers on a simulated cloud, with all faults drawn from a seed."""
