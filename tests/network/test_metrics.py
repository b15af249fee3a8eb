"""Prometheus' text format."""

from __future__ import annotations

from sagong.network.metrics import Family, Histogram, exponential, render


def test_families_render() -> None:
    counter = Family("counter", "requests_total", "Requests.", ("code",))
    counter.add(1, "200")
    counter.add(2, "200")
    counter.add(1, 'a"b\\c\n')
    gauge = Family("gauge", "when_seconds", "When.")
    gauge.set(1.5)
    silent = Family("gauge", "silent", "Nothing.")
    histogram = Histogram("took_seconds", "Took.", (0.1, 1.0), ("family",))
    for value in (0.05, 0.1, 0.5, 7.0):
        histogram.observe(value, "IPv4")
    assert render((counter, gauge, silent, histogram)).splitlines() == [
        "# HELP requests_total Requests.",
        "# TYPE requests_total counter",
        'requests_total{code="200"} 3',
        'requests_total{code="a\\"b\\\\c\\n"} 1',
        "# HELP when_seconds When.",
        "# TYPE when_seconds gauge",
        "when_seconds 1.5",
        "# HELP took_seconds Took.",
        "# TYPE took_seconds histogram",
        'took_seconds_bucket{family="IPv4",le="0.1"} 2',
        'took_seconds_bucket{family="IPv4",le="1"} 3',
        'took_seconds_bucket{family="IPv4",le="+Inf"} 4',
        'took_seconds_sum{family="IPv4"} 7.65',
        'took_seconds_count{family="IPv4"} 4',
    ]
    assert exponential(1, 2, 3) == (1, 2, 4)
