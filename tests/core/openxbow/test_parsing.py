"""Parsing against exact arithmetic: the float32 number next to the decimal, ties to the even one."""

import math
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stages.core.openxbow.parsing import NUMBER, OPEN_QUOTE, SKIP, TEXT, TOO_FEW, TOO_MANY, exact, parse

KINDS = np.array([TEXT, NUMBER], np.int8)


def nearest_single(text: str) -> float:
    """Correct rounding by fractions: of the neighbours, the nearer, or the even one."""
    value = Fraction(text)
    single = np.float32(float(value))
    around = [np.nextafter(single, np.float32(-math.inf)), single, np.nextafter(single, np.float32(math.inf))]
    finite = [one for one in around if np.isfinite(one)]
    return float(
        min(finite, key=lambda one: (abs(Fraction(float(one)) - value), int(one.view(np.int32)) & 1))
    )


def parsed(text: str) -> float:
    """What the block parser makes of a number, together with the exact reading of odd ones."""
    found = parse(f"a;{text}\n".encode(), ";", KINDS)
    assert found.fault == 0
    if len(found.odd):
        _, _, begin, end = found.odd[0]
        value = exact(f"a;{text}\n"[begin:end])
        assert value is not None
        return float(value)
    return float(found.numbers[0, 0])


decimals = st.builds(
    lambda sign, whole, point, exponent: f"{sign}{whole[:point]}.{whole[point:]}{exponent}",
    st.sampled_from(["", "-"]),
    st.text("0123456789", min_size=1, max_size=30),
    st.integers(1, 30),
    st.one_of(st.just(""), st.integers(-37, 8).map(lambda power: f"e{power:+03d}"), st.just("E-45")),
)


@settings(max_examples=500, deadline=None)
@given(text=decimals)
@example(text="1.00000005960464477539062500000000000000001")
@example(text="1.00000005960464477539062499999999999999999")
@example(text="1.000000059604644775390625")
@example(text="16777217")
@example(text="-0.000")
@example(text="9007199254740993")
@example(text="1.1754943e-38")
@example(text="7.0064923216240853546186479164495e-46")
@example(text="3.4028235e38")
@example(text="99999999999999999999")
@example(text="9.9999999999999999999")
def test_every_decimal_becomes_the_nearest_number(text: str) -> None:
    found = parsed(text)
    assert found == nearest_single(text)
    assert math.copysign(1, found) == (-1 if text.startswith("-") else 1)


@settings(max_examples=300, deadline=None)
@given(bits=st.integers(0, 2**32 - 1), lower=st.integers(0, 2))
def test_halfway_between_two_numbers(bits: int, lower: int) -> None:
    one = np.uint32(bits).view(np.float32)
    other = np.nextafter(one, np.float32(np.inf))
    if not (np.isfinite(one) and np.isfinite(other)) or abs(one) < 1e-30 or abs(one) > 1e30:
        return
    middle = (Fraction(float(one)) + Fraction(float(other))) / 2
    digits = 160
    scaled = middle * 10**digits
    assert scaled.denominator == 1
    text = f"{int(scaled) + (lower - 1)}e-{digits}"
    assert parsed(text) == nearest_single(text)


def test_many_numbers_at_once_are_those_of_numpy() -> None:
    rng = np.random.default_rng(0)
    values = (rng.standard_normal((500, 7)) * 10.0 ** rng.integers(-20, 20, (500, 7))).astype(np.float32)
    text = "".join("n;" + ";".join(f"{value:e}" for value in row) + "\n" for row in values)
    kinds = np.array([TEXT] + [NUMBER] * 7, np.int8)
    found = parse(text.encode(), ";", kinds)
    for row, column, begin, end in found.odd.tolist():
        found.numbers[row, column] = exact(text[begin:end])
    expected = np.array([[np.float32(f"{value:e}") for value in row] for row in values])
    assert np.array_equal(found.numbers, expected)


@pytest.mark.parametrize("text", [" 1.5", "1.5 ", "+1.5", "1.5f", "1.5D", "15e-1", "1.5e+0", "01.50"])
def test_spellings_that_java_reads(text: str) -> None:
    assert parsed(text) == 1.5


@pytest.mark.parametrize(
    "text", ["", " ", "x", "1.5.5", "1e", "e5", ".", "-", "1,5", "0x1p3", "NaN", "1e39", "--1", "1" * 5000]
)
def test_what_is_no_finite_number(text: str) -> None:
    assert exact(text) is None
    found = (
        parse(f"a;{text};\n".encode(), ";", KINDS) if text else parse(b"a;;b\n", ";", np.append(KINDS, TEXT))
    )
    assert len(found.odd) == 1


def test_lines_and_columns() -> None:
    kinds = np.array([TEXT, SKIP, NUMBER], np.int8)
    text = b"a;x;1\r\n\n'b;b';y;2;;\n\r\nb;;3\n'b;b';;4\n'b;b';;5\n"
    found = parse(text, ";", kinds)
    assert (found.fault, found.numbers.ravel().tolist(), found.lines.tolist()) == (
        0,
        [1, 2, 3, 4, 5],
        [0, 2, 4, 5, 6],
    )
    assert [text[begin:end] for begin, end in found.texts[:, 0]] == [b"a", b"'b;b'", b"b", b"'b;b'", b"'b;b'"]
    assert found.starts.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("text", "fault"),
    [(b"a;1;2\na;1\n", TOO_FEW), (b"a;1;2\na;1;2;3\n", TOO_MANY), (b"a;1;2\n'a;1;2\n", OPEN_QUOTE)],
)
def test_faults_tell_their_line(text: bytes, fault: int) -> None:
    found = parse(text, ";", np.array([TEXT, NUMBER, NUMBER], np.int8))
    assert (found.fault, found.fault_line, len(found.numbers)) == (fault, 1, 1)


@settings(max_examples=200, deadline=None)
@given(text=st.binary(max_size=200))
def test_any_bytes_end_in_a_result(text: bytes) -> None:
    found = parse(text + b"\n", ";", np.array([TEXT, NUMBER, SKIP], np.int8))
    assert len(found.numbers) == len(found.lines) <= text.count(b"\n") + 1


def test_more_odd_numbers_than_expected() -> None:
    found = parse(b"a;x\n" * 1000, ";", KINDS)
    assert found.odd[:, 0].tolist() == list(range(1000))
    assert sys.getsizeof(found.odd) < 2**20
