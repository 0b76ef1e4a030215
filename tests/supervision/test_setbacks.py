"""When the ends of a process are worth a report."""

from backend.supervision.setbacks import Setbacks


def test_only_ends_of_the_last_minute_count():
    setbacks = Setbacks()
    assert [setbacks.record("api", at) for at in (0.0, 10.0, 61.0, 200.0)] == [1, 2, 2, 1]


def test_processes_are_counted_apart():
    setbacks = Setbacks()
    setbacks.record("api", 0.0)
    assert setbacks.record("worker", 1.0) == 1


def test_report_comes_at_the_third_end_and_then_once_a_minute():
    setbacks = Setbacks()
    reported = []
    for at in range(0, 150, 5):
        setbacks.record("api", float(at))
        if setbacks.claim_report("api", float(at)):
            reported.append(at)
    assert reported == [10, 70, 130]
