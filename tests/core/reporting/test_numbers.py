from stages.core.reporting.numbers import p_equals, p_value


def test_p_values_below_a_thousandth_are_bounds() -> None:
    assert [p_value(value) for value in (0.0009, 0.001, 0.005, 0.0499, 1.0)] == [
        "<0.001",
        "0.001",
        "0.005",
        "0.050",
        "1.000",
    ]
    assert p_equals(0.005) == "p = 0.005"
