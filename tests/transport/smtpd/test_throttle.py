from __future__ import annotations

from transport.smtpd.throttle import LOCK_PAIR, LONGEST_FOR_ACCOUNT, WINDOW, Throttle


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_more_mistakes_the_longer_the_wait() -> None:
    throttle = Throttle(Clock())
    delays = []
    for _ in range(8):
        delays.append(throttle.delay("ann", "192.0.2.1"))
        throttle.failed("ann", "192.0.2.1")
    assert delays == [0, 0, 0, 0.5, 1, 2, 4, 8]


def test_a_lock_shuts_out_the_guesser_and_not_the_owner() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(LOCK_PAIR):
        throttle.failed("ann", "192.0.2.1")
    assert throttle.is_locked("ann", "192.0.2.1")
    assert not throttle.is_locked("ann", "192.0.2.2")
    assert throttle.delay("ann", "192.0.2.2") == 0
    clock.now = WINDOW + 1
    assert not throttle.is_locked("ann", "192.0.2.1")


def test_one_password_for_many_names_is_slowed_by_its_source() -> None:
    throttle = Throttle(Clock())
    for number in range(60):
        throttle.failed(f"user{number}", "2001:db8::1")
    assert throttle.delay("somebody", "2001:db8::ffff") > 0
    assert throttle.delay("somebody", "2001:db8:1::1") == 0


def test_success_clears_the_account() -> None:
    throttle = Throttle(Clock())
    for _ in range(6):
        throttle.failed("ann", "192.0.2.1")
    throttle.succeeded("ann", "192.0.2.1")
    assert throttle.delay("ann", "192.0.2.1") == 0


def test_an_account_that_many_guess_at_is_slow_for_strangers_and_not_for_its_owner() -> None:
    throttle = Throttle(Clock())
    throttle.succeeded("ann", "203.0.113.1")
    for number in range(200):
        throttle.failed("ann", f"198.51.100.{number}")
    assert throttle.delay("ann", "203.0.113.1") == 0
    assert 0 < throttle.delay("ann", "203.0.113.2") <= LONGEST_FOR_ACCOUNT
    assert not throttle.is_locked("ann", "203.0.113.2")
