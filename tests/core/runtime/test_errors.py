from pathlib import Path

import pytest

from stages.core.runtime.errors import OptionError, StageFileError, UnusableClipError, UserError, did_you_mean


def test_messages_stay_on_one_line() -> None:
    assert str(UserError("a\nb\x1b[31m\u202ec é 中.")) == "a\\nb\\x1b[31m\\u202ec é 中."
    assert str(OptionError("size", "is\t0")) == "size is\\t0."
    assert str(StageFileError(Path("a/b.csv"), "is damaged")) == "a/b.csv is damaged"
    fault = UnusableClipError("short", "0.1 s")
    assert (str(fault), fault.reason, fault.detail, fault.args) == (
        "short: 0.1 s",
        "short",
        "0.1 s",
        ("short", "0.1 s"),
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("epoch", " (did you mean epochs?)"),
        ("BATCH_size", " (did you mean Batch_Size?)"),
        ("xyz", " (there are epochs, Batch_Size, seeds)"),
        (3, " (there are epochs, Batch_Size, seeds)"),
    ],
)
def test_the_name_that_was_meant_or_all(name: str, hint: str) -> None:
    assert did_you_mean(name, ["epochs", "Batch_Size", "seeds"]) == hint
