"""Simulated time: the only place that decides which task runs next.

Handlers are ordinary blocking code. Each runs in a greenlet, which yields control at every call of a port, so that any
two handlers interleave at any two calls, in an order that follows from the seed. Nothing runs in a thread, and nothing
waits for real time. The services' asyncio code runs on `SimulatedLoop`, an event loop in the same simulated time.
"""

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import greenlet


class Hub:
    """The clock and the queue of calls, ordered by instant and then by the order of their scheduling.

    now: seconds since the simulation began.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = itertools.count()
        self.current: Task | None = None
        """The task that runs now; None while the simulation itself runs."""

    def at(self, when: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call at an instant, or now when it has passed."""
        heapq.heappush(self._queue, (max(when, self.now), next(self._order), call, arguments))

    def after(self, seconds: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call after so many seconds."""
        self.at(self.now + seconds, call, *arguments)

    def run(self, until: float) -> None:
        """Run everything that is due until an instant."""
        queue = self._queue
        while queue and queue[0][0] <= until:
            self.now, _, call, arguments = heapq.heappop(queue)
            call(*arguments)
        self.now = until

    def sleep(self, seconds: float) -> None:
        """Suspend the current task for so long."""
        task = self.current
        assert task is not None, "only a task can wait"
        self.after(seconds, task.resume)
        task.park()


class Task:
    """One handler that runs in one process. `done` receives its result or its exception, and nothing after a kill."""

    def __init__(
        self, hub: Hub, process: Any, work: Callable[[], Any], done: Callable[[Any, Exception | None], None]
    ) -> None:
        self._hub, self.process, self._work, self._done = hub, process, work, done
        self._greenlet = greenlet.greenlet(self._run)
        self.killed = False
        process.tasks[self] = None
        hub.at(hub.now, self.resume)

    def resume(self) -> None:
        """Continue, unless the process is gone; later, if it is paused."""
        if self.killed or self._greenlet.dead:
            return
        if self._hub.now < self.process.paused_until:
            self._hub.at(self.process.paused_until, self.resume)
            return
        self._switch(self._greenlet.switch)

    def park(self) -> None:
        """Suspend this task until `resume` is called; called in this task."""
        self._hub.current = None
        self._greenlet.parent.switch()
        if self.killed:
            raise greenlet.GreenletExit

    def kill(self) -> None:
        """End the task at its current call, as the end of its process does."""
        if self.killed:
            return
        self.killed = True
        self.process.tasks.pop(self, None)
        if self._hub.current is self:
            return  # it raises GreenletExit itself, at the call in which its process crashed
        if self._greenlet and not self._greenlet.dead:
            # When it ends, control goes to its parent, so make the caller its parent: else the rest of a crash would
            # not run.
            self._greenlet.parent = greenlet.getcurrent()
            self._switch(lambda: self._greenlet.throw(greenlet.GreenletExit))

    def _switch(self, into: Callable[[], Any]) -> None:
        before, self._hub.current = self._hub.current, self
        into()
        self._hub.current = before

    def _run(self) -> None:
        result, error = None, None
        try:
            result = self._work()
        except greenlet.GreenletExit:
            return
        except Exception as failure:  # noqa: BLE001  # the caller receives any exception of a handler
            error = failure
        self.process.tasks.pop(self, None)
        if not self.killed:
            self._hub.at(self._hub.now, self._done, result, error)


class Lock:
    """A reentrant lock between the tasks of one process."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._holder: Task | None = None
        self._depth = 0
        self._waiting: deque[Task] = deque()

    def __enter__(self) -> "Lock":
        task = self._hub.current
        while self._holder is not None and self._holder is not task:
            assert task is not None
            self._waiting.append(task)
            task.park()
        self._holder, self._depth = task, self._depth + 1
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._holder = None
            if self._waiting:
                self._hub.at(self._hub.now, self._waiting.popleft().resume)


class Inline(Executor):
    """An executor that runs each call at once, in the caller."""

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments, **named))
        except Exception as error:  # noqa: BLE001  # as an executor does
            future.set_exception(error)
        return future


class SimulatedLoop(asyncio.AbstractEventLoop):
    """asyncio in simulated time, one loop per process, with only the methods that the services use."""

    def __init__(self, hub: Hub, process: Any) -> None:
        self._hub, self._process = hub, process
        self._ready: deque[asyncio.Handle] = deque()
        self._stepping = False
        self.closed = False
        self.tasks: list[asyncio.Task[Any]] = []

    def time(self) -> float:
        return self._hub.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return self.closed

    def call_soon(  # type: ignore[override]  # the services' callbacks are not type-checked here
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        if not self._stepping:
            self._stepping = True
            self._hub.at(self._hub.now, self._step)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._hub.now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._hub.at(when, self._due, handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Count nothing: a cancelled timer comes due and does nothing."""

    def _due(self, handle: asyncio.TimerHandle) -> None:
        if not handle.cancelled():
            self._ready.append(handle)
            self._step()

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Any = None) -> "asyncio.Task[Any]":
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self.tasks.append(task)
        task.add_done_callback(self.tasks.remove)
        return task

    def call_exception_handler(self, context: Any) -> None:
        """Ignore the unfinished tasks of a killed process."""

    def close(self) -> None:
        """Stop for good, as the end of the process does: pending calls are dropped."""
        self.closed = True
        self._ready.clear()
        for task in self.tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio has no public API for it
        self.tasks.clear()

    def _step(self) -> None:
        self._stepping = False
        if self.closed:
            return
        if self._hub.now < self._process.paused_until:
            self._stepping = True
            self._hub.at(self._process.paused_until, self._step)
            return
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        self._stepping = True
        try:
            while self._ready and not self.closed:
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
        finally:
            self._stepping = False
            asyncio._set_running_loop(before)
