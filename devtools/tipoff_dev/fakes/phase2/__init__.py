"""Phase 2's fake: loads landed files into `nba_raw` of the embedded warehouse and acknowledges each with a receipt.

It runs in every stack unless `StackOptions(phase2=None)`, behind the push subscription `phase2-files`, which exists
locally only: the topic map has no subscription of Phase 2. A `Behaviour` configures its deliberate faults:

- at start: `StackOptions(phase2=Behaviour(drop=0.3))`, or TIPOFF_PHASE2='{"drop": 0.3}' for `make up`;
- while it runs: `PUT /control/behaviour` with the same JSON at `layout.url("phase2")`, GET to read it;
- `GET /control/counts`: how many messages were processed, dropped, held, failed and rejected;
- `POST /control/release?until=INSTANT` processes the messages that are held and due by then, all without `until`.

A delayed message is acknowledged and held in memory, as by a consumer with its own queue. A replay, which waits for
acknowledgements, therefore goes on, and held messages are lost when the process ends. In wall-clock time held messages
are processed when they are due. In event time the fake has no clock: the caller of a replay releases, before the tick
of an instant, the messages due by that instant. The receipt then has the due instant, as every receipt of a replay has
the event's instant and not the wall clock's.

In the tests on the running stack the fake drops every message unless a test sets another behaviour:

    with driver.phase_2(drop=0.5, seed=3):     # the behaviour for the length of the block; driver.phase_2() does all
        driver.tick(Tick.EVALUATE, day, 11)
        driver.settle()
    with driver.phase_2(delay=1, delay_seconds=7200):
        ...
        driver.release(at(day, 13))            # before the tick of 13:00

With `down` the fake refuses every message, which then waits on the subscription: call `driver.settle()` only after the
fake is up again.
"""
