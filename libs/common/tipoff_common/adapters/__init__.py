"""The ports on Google's own clients; the only place that imports google.cloud."""
