"""Messages in structured mode, which the services read and never publish."""

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from tipoff_common.binding import STRUCTURED, Envelope


def encode_structured(envelope: Envelope) -> tuple[bytes, dict[str, str]]:
    """Write the whole event as the message's data."""
    attributes = {
        "specversion": "1.0",
        "id": envelope.id,
        "type": envelope.payload.TYPE,
        "source": envelope.source,
        "time": envelope.time,
        "datacontenttype": "application/json",
    }
    trace = {"traceparent": envelope.traceparent} if envelope.traceparent else {}
    event = CloudEvent(attributes, envelope.payload.model_dump(mode="json"))
    return JSONFormat().write(event), {"content-type": STRUCTURED, **trace}
