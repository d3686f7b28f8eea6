"""The scheduler of the simulation: a killed task ends at its current call, and its killer continues."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

from tests.simulation.scheduler import Hub, Task


def test_killing_task_continues_after_killed_tasks_end() -> None:
    """Otherwise a process that crashed with several open messages would never restart."""
    hub, process, events = Hub(), SimpleNamespace(tasks={}, paused_until=0.0), []

    def wait(name: str) -> None:
        try:
            hub.sleep(10.0)
            events.append(f"{name} woke")
        finally:
            events.append(f"{name} ended")

    others = [Task(hub, process, partial(wait, name), lambda *_: None) for name in ("a", "b")]

    def end_them() -> None:
        hub.sleep(1.0)
        for other in others:
            other.kill()
        hub.after(1.0, events.append, "came up again")
        events.append("went on")

    Task(hub, process, end_them, lambda *_: None)
    hub.run(100.0)
    assert events == ["a ended", "b ended", "went on", "came up again"]
    assert process.tasks == {}
