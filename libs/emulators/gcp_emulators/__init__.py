"""Emulators of Pub/Sub, BigQuery and Cloud Storage that need only Python; see README.md."""
