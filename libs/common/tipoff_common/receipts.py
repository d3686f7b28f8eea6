"""Publisher of receipts for Phase 2: a receipt for each file that it has processed.

It runs in any Python program and needs google-cloud-pubsub, pydantic and cloudevents, but no setting or topic map:

    receipts = Receipts.on_topic("nba-props-platform", processor="injuries", environment="prod")
    receipts.processed(landed, row_count=30)  # durable when this returns: acknowledge the message now

A receipt is for the exact path that was announced; its id is a function of path and processor, so that a repeated
receipt has the same id. docs/how-to/acknowledge-files.md has an example, and the message for other languages.
"""

from datetime import datetime

from tipoff_common.events import FileLanded, FileProcessed
from tipoff_common.publisher import Publisher
from tipoff_common.wall_clock import wall_now

TOPIC = "phase2-receipts"


class Receipts:
    """The receipts of one processor. environment: the deployment whose files it processes: prod, dev or local."""

    def __init__(self, publisher: Publisher, *, processor: str, environment: str) -> None:
        self._publisher, self._processor, self._environment = publisher, processor, environment

    @classmethod
    def on_topic(cls, project: str, *, processor: str, environment: str, topic: str = TOPIC) -> "Receipts":
        """Return receipts that go to Google's Pub/Sub, or to the emulator that PUBSUB_EMULATOR_HOST names."""
        from tipoff_common.adapters.pubsub import OneTopic

        publisher = Publisher(processor, OneTopic(project, topic))
        return cls(publisher, processor=processor, environment=environment)

    def processed(
        self, landed: FileLanded | str, *, row_count: int | None = None, processed_at: datetime | None = None
    ) -> FileProcessed:
        """Publish the receipt of an announced file or a gs:// path; return when it is durable.

        row_count: rows written from the file; None when not counted. processed_at: an aware instant; by default now.

        Raises:
            pydantic.ValidationError: the path is no gs:// path, or the instant has no zone.
            Unavailable: the receipt may not be published; do not acknowledge the file, and call again.
        """
        receipt = FileProcessed(
            gcs_path=landed if isinstance(landed, str) else landed.gcs_path,
            processor=self._processor,
            processed_at=processed_at or wall_now(),
            row_count=row_count,
            environment=self._environment,
        )
        self._publisher.publish([receipt])
        return receipt
