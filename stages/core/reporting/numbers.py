"""How numbers and names are written in tables and sentences."""

from stages.core.scoring.run_scores import Interval

PLACES = 3


def number(value: float | None) -> str:
    """A score, with a real minus sign; a dash where it is not defined.

    >>> number(-0.25), number(-0.0001), number(None)
    ('−0.250', '0.000', '–')
    """
    return "–" if value is None else f"{value:z.{PLACES}f}".replace("-", "−")


def signed(value: float | None) -> str:
    """A difference with its sign, the minus a real one.

    >>> signed(-0.1234), signed(-0.0001)
    ('−0.123', '+0.000')
    """
    return "–" if value is None else f"{value:+z.{PLACES}f}".replace("-", "−")


def with_sd(value: float | None, sd: float | None) -> str:
    """A mean ± standard deviation.

    >>> with_sd(0.5, 0.01), with_sd(0.5, None)
    ('0.500 ± 0.010', '0.500')
    """
    return number(value) if value is None or sd is None else f"{number(value)} ± {number(sd)}"


def ends(low: float | None, high: float | None) -> str:
    """The ends of an interval.

    >>> ends(-0.1, 0.75)
    '−0.100 to 0.750'
    """
    return "–" if low is None or high is None else f"{number(low)} to {number(high)}"


def with_ends(interval: Interval | None) -> str:
    """A value with its interval.

    >>> with_ends(Interval(0.5, -0.1, 0.75))
    '0.500 [−0.100, 0.750]'
    """
    if interval is None or interval.low is None or interval.high is None:
        return number(interval.value if interval else None)
    return f"{number(interval.value)} [{number(interval.low)}, {number(interval.high)}]"


def p_value(value: float | None) -> str:
    """A p-value with three places.

    >>> p_value(0.04795), p_value(0.0002), p_value(None)
    ('0.048', '<0.001', '–')
    """
    if value is None:
        return "–"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def p_equals(value: float | None) -> str:
    """A p-value with its name.

    >>> p_equals(0.04795), p_equals(0.0002)
    ('p = 0.048', 'p < 0.001')
    """
    return f"p = {p_value(value)}".replace("= <", "< ")


def capitalized(name: str) -> str:
    """A name at the start of a sentence: its other letters keep their case.

    >>> capitalized("emotion"), capitalized("burstVAD")
    ('Emotion', 'BurstVAD')
    """
    return name[:1].upper() + name[1:]
