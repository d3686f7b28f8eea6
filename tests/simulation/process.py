"""One instance of a service: its memory, and its crashes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.simulation.cloud import Bucket, Bus
from tests.simulation.faults import Fault, Kind
from tests.simulation.scheduler import SimulatedLoop, Task
from tipoff_common.publisher import Publisher
from tipoff_common.push import Delivery
from tipoff_common.retrying_objects import RetryingObjects

if TYPE_CHECKING:
    from tests.simulation.broker import Handling
    from tests.simulation.world import World

Done = Callable[[Any, Exception | None], None]
Handle = Callable[[Delivery, Done], None]


@dataclass
class Process:
    """One instance of a service; its memory is lost when it ends."""

    world: "World"
    service: str
    number: int
    skew: float = 0.0
    version: int = 0
    paused_until: float = 0.0
    calls: int = 0
    alive: bool = False
    incarnation: int = 0
    tasks: dict[Task, None] = field(default_factory=dict)
    deliveries: "dict[Handling, None]" = field(default_factory=dict)
    crashes: list[tuple[Fault, int]] = field(default_factory=list)
    """Planned crashes: the fault, and the count of calls at which it strikes."""

    @property
    def name(self) -> str:
        return f"{self.service}-{self.number}"

    def now(self) -> datetime:
        """Return the time of the process's own clock."""
        return self.world.instant() + timedelta(seconds=self.skew)

    def start(self) -> None:
        """Start with empty memory."""
        self.alive, self.incarnation, self.paused_until = True, self.incarnation + 1, 0.0
        self.tasks = {}
        self.deliveries = {}
        self.loop = SimulatedLoop(self.world.hub, self)  # type: ignore[abstract]  # only the methods in use
        self.handle = self.world.services[self.service](self)
        self.world.log.add(self.world.hub.now, "start", self.name, version=self.version)

    def take_planned_crash(self) -> Fault | None:
        """Return the fault that ends the process at this call."""
        for planned in self.crashes:
            if self.calls >= planned[1]:
                self.crashes.remove(planned)
                return planned[0]
        return None

    def crash(self, where: str, fault: Fault | None = None, *, restart_after: float | None = None) -> None:
        """Crash at once: no task finishes, and no open delivery is answered."""
        world = self.world
        if not self.alive:
            return
        if fault is not None:
            world.injector.counts[Kind.CRASH] = world.injector.counts.get(Kind.CRASH, 0) + 1
        world.log.add(world.hub.now, "crash", self.name, where=where)
        self.alive = False
        self.loop.close()
        for task in list(self.tasks):
            task.kill()
        for handling in list(self.deliveries):
            world.hub.after(world.latency(), handling.redeliver)
        self.deliveries.clear()
        delay = world.draw.uniform(1, 90) if restart_after is None else restart_after
        world.hub.after(delay, self.start)

    def task(self, work: Callable[[], Any], done: Callable[[Any, Exception | None], None]) -> Task:
        return Task(self.world.hub, self, work, done)

    def run_in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Replace `run_in_threadpool`: return an awaitable of the result of a task of its own."""
        future, loop = self.loop.create_future(), self.loop

        def done(result: Any, error: Exception | None) -> None:
            if loop.closed or future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.task(lambda: work(*arguments), done)
        return future

    def publisher(self) -> Publisher:
        return Publisher(self.service, Bus(self))

    def retrying(self, bucket: Bucket) -> RetryingObjects:
        """Return a client of a bucket that retries failed calls, in simulated time."""
        return RetryingObjects(bucket, self.world.hub.sleep, self.world.hub_now)

    @property
    def state(self) -> Bucket:
        return Bucket(self, "state", self.world.state)

    @property
    def data(self) -> Bucket:
        return Bucket(self, "data", self.world.data)
