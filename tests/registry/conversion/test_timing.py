"""Interleaved medians, with a clock that the test turns."""

from registry.conversion.inside.timing import measure


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def pass_(self, seconds):
        self.now += seconds


def test_medians_leave_out_what_slows_the_machine_for_a_moment():
    clock, calls = Clock(), []

    def work():
        calls.append(1)
        clock.pass_(1.0 if len(calls) % 50 == 0 else 0.01)

    found = measure({"a": work}, clock=clock)
    assert (round(found["a"].seconds, 3), found["a"].noise < 0.01) == (0.01, True)


def test_paces_are_told_apart():
    clock = Clock()
    found = measure({"slow": lambda: clock.pass_(0.04), "fast": lambda: clock.pass_(0.001)}, clock=clock)
    assert round(found["slow"].seconds / found["fast"].seconds) == 40


def test_a_call_of_seconds_is_made_a_few_times_only():
    clock, calls = Clock(), []

    def work():
        calls.append(1)
        clock.pass_(5.0)

    measure({"a": work}, clock=clock)
    assert len(calls) <= 8
