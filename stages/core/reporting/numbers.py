"""How numbers are written in tables and sentences."""

from stages.core.scoring.run_scores import Interval


def number(value: float | None, places: int = 4) -> str:
    """A score, with a real minus sign; a dash where it is not defined.

    >>> number(-0.25), number(-0.00001), number(None)
    ('−0.2500', '0.0000', '–')
    """
    return "–" if value is None else f"{value:z.{places}f}".replace("-", "−")


def signed(value: float | None, places: int = 3) -> str:
    """A difference with its sign, the minus a real one.

    >>> signed(-0.1234), signed(-0.0001)
    ('−0.123', '+0.000')
    """
    return "–" if value is None else f"{value:+z.{places}f}".replace("-", "−")


def ends(interval: Interval | None) -> str:
    """The ends of an interval.

    >>> ends(Interval(0.5, -0.1, 0.75))
    '−0.100 to 0.750'
    """
    if interval is None or interval.low is None:
        return "–"
    return f"{number(interval.low, 3)} to {number(interval.high, 3)}"


def p_value(value: float | None) -> str:
    """A p-value with three places."""
    return "–" if value is None else f"{value:.3f}"
