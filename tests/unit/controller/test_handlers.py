"""Tests of the controller's routing table."""

from datetime import datetime, timedelta

from tests.support.controller import DAY, World, at, at_times, configured, failed, slate, workflow
from tests.support.samples import rejected
from tipoff_common.binding import Envelope, Message, encode
from tipoff_common.events import Event, ScrapeExecuted, ScrapeRequested, Source, Tick, TickFired
from tipoff_common.push import Delivery
from tipoff_controller.handlers import ACCEPTED, handle_delivery, handle_tick

CONFIGURATION = configured(one=workflow(at_times("06:00"), "bulletin", max_retries=1))


def world() -> World:
    made = World(CONFIGURATION)
    made.land(slate(1), at("05:00"))
    return made


def deliver(made: World, event: Event, at_: datetime, message: Message | None = None) -> None:
    envelope = Envelope(event, event.id, "/tipoff/test", at_)
    data, attributes = encode(envelope)
    made.now(at_)
    handle_delivery(Delivery(event, envelope, message or Message(data, attributes, "m", at_)), made.deps, at_)


def test_controller_accepts_four_event_types() -> None:
    assert {event.__name__ for event in ACCEPTED} == {
        "TickFired",
        "ScrapeExecuted",
        "WorkflowDecided",
        "MessageRejected",
    }


def test_a_tick_evaluates() -> None:
    made = world()
    deliver(made, TickFired(tick=Tick.EVALUATE), at("06:00"))
    assert [item.source for item in made.requests] == [Source.CONTROLLER]


def test_failed_execution_is_followed_by_retry() -> None:
    made = world()
    made.tick(at("06:00"))
    deliver(made, made.execute(made.requests[0], failed()), at("06:01"))
    assert [item.attempt for item in made.requests] == [1, 2]


def test_request_in_dead_letter_publishes_execution() -> None:
    made = world()
    made.tick(at("06:00"))
    (dead,) = (item for item in made.bus.published if isinstance(item.payload, ScrapeRequested))
    data, attributes = encode(dead)
    deliver(made, rejected(reason="delivery_attempts"), at("06:10"), Message(data, attributes))
    assert [item.request_id for item in made.bus.of(ScrapeExecuted)] == [made.requests[0].request_id]


def test_ticks_of_other_services_are_ignored() -> None:
    made = world()
    for tick in (Tick.CLEANUP, Tick.WATCH, Tick.ARCHIVE):
        deliver(made, TickFired(tick=tick), at("06:00"))
    assert made.bus.events == []


def test_tick_is_identified_by_publish_time_not_delivery_time() -> None:
    """Deliveries at 06:00:02 and 06:14 are both the tick of 06:00 (incident 19)."""
    made = world()
    for late in (2, 14 * 60):
        published = at("06:00") + timedelta(seconds=3)
        handle_tick(
            TickFired(tick=Tick.EVALUATE), published, made.deps, at("06:00") + timedelta(seconds=late)
        )
    assert len({item.decision_id for item in made.decisions}) == 1


def test_event_time_replaces_the_clock() -> None:
    made = world()
    tick = TickFired(tick=Tick.EVALUATE, event_time=at("06:00"))
    handle_tick(tick, at("23:00"), made.deps, at("23:00"))
    (decision,), (request,) = made.decisions, made.requests
    assert decision.decision_time == at("06:00")
    assert (request.event_time, request.requested_at) == (at("06:00"), at("23:00"))


def test_the_schedule_is_locked_for_the_ticks_business_day() -> None:
    made = world()
    deliver(made, TickFired(tick=Tick.LOCK_SCHEDULE), at("05:00"))
    deliver(made, TickFired(tick=Tick.LOCK_SCHEDULE), at("23:59"))
    assert {item.date for item in made.schedules} == {DAY}
