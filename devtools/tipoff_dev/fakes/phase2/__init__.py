"""Phase 2's fake: loads landed files into `nba_raw` of the embedded warehouse and acknowledges each with a receipt.

It runs in every stack unless `StackOptions(phase2=None)`, behind a push subscription that exists locally only,
`phase2-files`; the topic map ends where Phase 2 begins. What it does wrong on purpose is a `Behaviour`:

- at start: `StackOptions(phase2=Behaviour(drop=0.3))`, or TIPOFF_PHASE2='{"drop": 0.3}' for `make up`;
- while it runs: `PUT /control/behaviour` with the same JSON at `layout.url("phase2")`, GET to read it;
- `GET /control/counts`: how many messages were processed, dropped, held, failed and rejected;
- `POST /control/release?until=INSTANT` processes the messages that are held and due by then, all without `until`.

A message that is to be delayed is acknowledged and held in memory, as by a consumer with a queue of its own: a replay,
which goes on only when nothing is unacknowledged, goes on, and what is held when the process dies is lost. In
wall-clock time held messages are processed when they are due. In event time nothing here knows how far the day is:
whoever replays it releases, before the tick of an instant, what is due by that instant. The receipt then says the
instant at which it was due, as every receipt of a replay says the event's instant and not the wall clock's.

In the tests on the running stack the fake drops everything until it is told otherwise:

    with driver.phase_2(drop=0.5, seed=3):     # the behaviour for the length of the block; driver.phase_2() does all
        driver.tick(Tick.EVALUATE, day, 11)
        driver.settle()
    with driver.phase_2(delay=1, delay_seconds=7200):
        ...
        driver.release(at(day, 13))            # before the tick of 13:00

With `down` it refuses every message, which then waits on the subscription: `driver.settle()` only after it is up.
"""
