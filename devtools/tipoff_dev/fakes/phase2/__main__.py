"""`python -m tipoff_dev.fakes.phase2`: the fake on 127.0.0.1, configured by TIPOFF_* variables like a service."""

import logging
import sys
import threading
import time

import uvicorn

from tipoff_common import RELEASE
from tipoff_common.ports import Unavailable
from tipoff_common.settings import SettingsError, load_settings
from tipoff_common.telemetry import configure_telemetry
from tipoff_common.wall_clock import wall_now
from tipoff_dev.fakes.phase2.app import Wiring, create_app
from tipoff_dev.fakes.phase2.settings import Phase2Settings

log = logging.getLogger(__name__)


def main() -> None:
    """Serve until the process is stopped."""
    try:
        settings = load_settings(Phase2Settings)
    except SettingsError as error:
        sys.exit(str(error))
    configure_telemetry("phase2", RELEASE, settings.environment, settings.otlp_endpoint)
    wiring = Wiring(settings)
    if not settings.event_time:
        threading.Thread(target=_release_due_messages, args=(wiring,), daemon=True).start()
    uvicorn.run(create_app(wiring), host="127.0.0.1", port=settings.port, log_level="warning")


def _release_due_messages(wiring: Wiring) -> None:
    while True:
        time.sleep(1.0)
        if wiring.state.held:
            now = wall_now()
            try:
                wiring.consumer.release(now, now)
            except Unavailable as error:
                log.error("held messages wait on", extra={"detail": str(error)})


if __name__ == "__main__":
    main()
