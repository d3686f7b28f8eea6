"""The whole of Tipoff on one machine: the embedded cloud, the services, and their processes."""
