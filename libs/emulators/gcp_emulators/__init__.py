"""Emulators of Pub/Sub, BigQuery and Cloud Storage that need nothing but Python; see README.md."""
