"""An in-memory Pub/Sub server that speaks the real gRPC API: topics, subscriptions, pull, streaming pull and push.

Google's clients use it instead of the service when `PUBSUB_EMULATOR_HOST` names it; `python -m gcp_emulators.pubsub`
starts it. Unsupported features are refused with UNIMPLEMENTED, never ignored: message ordering, exactly-once delivery,
schemas, message transforms, snapshots and seek, unwrapped push, and export to BigQuery, Bigtable or Cloud Storage. All
state is lost at a restart. Push requests carry no OIDC token, as there is no key to sign one.
"""
