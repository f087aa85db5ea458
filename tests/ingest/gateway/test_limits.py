"""Bytes in flight and bytes a second."""

import pytest

from ingest.gateway.limits import REQUEST_OVERHEAD_BYTES, InFlight, RateLimit
from ingest.gateway.refusals import Reason, Refused


class Clock:
    """A clock that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        """Give the time in seconds."""
        return self.now


def test_a_charge_gives_its_bytes_back_at_the_end_of_its_context():
    in_flight = InFlight(10_000)

    with in_flight.charge() as charge:
        charge.grow(500)
        held = in_flight.bytes

    assert held == 500 + REQUEST_OVERHEAD_BYTES
    assert in_flight.bytes == 0


def test_a_charge_that_is_handed_over_is_given_back_by_whom_it_was_handed_to_and_once():
    in_flight = InFlight(10_000)
    with in_flight.charge() as charge:
        charge.grow(500)
        release = charge.hand_over()
    held = in_flight.bytes

    release()
    release()

    assert held == 500 + REQUEST_OVERHEAD_BYTES
    assert in_flight.bytes == 0


def test_the_byte_that_passes_the_limit_is_refused_with_a_hint_and_leaves_nothing_charged():
    in_flight = InFlight(REQUEST_OVERHEAD_BYTES + 500)

    with in_flight.charge() as charge:
        charge.grow(500)
        with pytest.raises(Refused) as refused:
            charge.grow(1)

    assert refused.value.reason is Reason.OVERLOADED
    assert refused.value.retry_after_s
    assert in_flight.bytes == 0


def test_many_tiny_requests_are_bounded_too():
    in_flight = InFlight(10 * REQUEST_OVERHEAD_BYTES)
    charges = [in_flight.charge() for _ in range(10)]

    with pytest.raises(Refused):
        in_flight.charge()

    assert len(charges) == 10


def test_a_client_may_send_its_bytes_a_second_and_then_waits_as_long_as_it_is_told():
    clock = Clock()
    rate = RateLimit(1000, clock=clock)
    rate.check("a")
    rate.spend("a", 1500)

    with pytest.raises(Refused) as refused:
        rate.check("a")

    assert refused.value.reason is Reason.RATE_LIMITED
    assert refused.value.retry_after_s == pytest.approx(0.5)
    clock.now += 0.51
    rate.check("a")


def test_a_request_larger_than_a_second_allows_passes_and_is_paid_for_afterwards():
    clock = Clock()
    rate = RateLimit(1000, clock=clock)

    rate.check("a")
    rate.spend("a", 10_000)

    clock.now += 8.9
    with pytest.raises(Refused):
        rate.check("a")
    clock.now += 0.2
    rate.check("a")


def test_idle_time_saves_up_no_more_than_one_second():
    clock = Clock()
    rate = RateLimit(1000, clock=clock)
    rate.spend("a", 1)
    clock.now += 3600

    rate.spend("a", 1000)

    with pytest.raises(Refused):
        rate.check("a")


def test_one_clients_rate_is_not_anothers():
    rate = RateLimit(1000, clock=Clock())

    rate.spend("a", 5000)

    rate.check("b")


def test_no_limit_means_no_limit():
    rate = RateLimit(0, clock=Clock())

    rate.spend("a", 10**12)

    rate.check("a")
