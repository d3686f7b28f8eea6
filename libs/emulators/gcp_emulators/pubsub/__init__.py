"""An in-memory Pub/Sub server that speaks the real gRPC API: topics, subscriptions, pull, streaming pull and push.

It stands in for the service when `PUBSUB_EMULATOR_HOST` names it; `python -m gcp_emulators.pubsub` starts it.
What it does not do is refused with UNIMPLEMENTED, never ignored: message ordering, exactly-once delivery, schemas,
message transforms, snapshots and seek, unwrapped push, and export to BigQuery, Bigtable or Cloud Storage.
Nothing survives a restart. Push requests carry no OIDC token: there is no key to sign one with.
"""
