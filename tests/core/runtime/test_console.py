import errno
import os
import subprocess
import sys

import pytest

from stages import command
from stages.command import guarded
from stages.core.runtime import console as messages
from stages.core.runtime.console import progress
from stages.core.runtime.errors import UserError
from tests.helpers import ROOT


def test_a_users_mistake_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise UserError("params.yaml: x is missing; add it.")

    with pytest.raises(SystemExit) as caught:
        guarded(main)
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: params.yaml: x is missing; add it.\n"


def test_what_the_system_refuses_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "data/splits.parquet")

    with pytest.raises(SystemExit) as caught:
        guarded(main)
    assert caught.value.code == 1
    assert capsys.readouterr().err == (
        "error: data/splits.parquet: Permission denied; correct that and run the command again.\n"
    )


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    def main() -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file", "x")

    with pytest.raises(FileNotFoundError):
        guarded(main)


def test_an_interrupt_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "_exit", sys.exit)  # where other threads are there
    with pytest.raises(SystemExit) as caught:
        guarded(main)
    assert caught.value.code == 130
    assert "stopped" in capsys.readouterr().err


def test_a_log_gets_plain_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(messages, "LINE_EVERY", 0)
    seconds = iter([0.0, 100.0, 102.0, 104.0])  # the first clip waits for code to be compiled
    monkeypatch.setattr(messages.time, "monotonic", lambda: next(seconds))
    assert list(progress(range(3), 4, "clip", lambda: "1 quarantined")) == [0, 1, 2]
    assert capsys.readouterr().out.splitlines() == [
        "1/4 clips, 1 quarantined",
        "2/4 clips, 0.5 clips/s, 4 s left, 1 quarantined",
        "3/4 clips, 0.5 clips/s, 2 s left, 1 quarantined",
    ]


def test_lines_come_at_intervals_and_the_first_item_does_not_count_for_the_speed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter([0.0, 10.0, 20.0, 30.0, 35.0, 59.9, 60.0])
    monkeypatch.setattr(messages.time, "monotonic", lambda: next(seconds))
    assert list(progress(iter("abcdef"), 16, "word")) == list("abcdef")
    assert capsys.readouterr().out.splitlines() == [
        "3/16 words, 0.1 words/s, 130 s left",
        "6/16 words, 0.1 words/s, 100 s left",
    ]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert list(progress("abc", 3, "clip", lambda: "1 quarantined")) == ["a", "b", "c"]
    shown = capsys.readouterr()
    assert "3/3" in shown.err and " clip/s" in shown.err and "1 quarantined" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("lines", [2, 10**6])
def test_a_reader_that_has_enough_is_no_fault(lines: int) -> None:
    code = f"""
import time
from stages.command import guarded
guarded(lambda: (print(0, flush=True), time.sleep(1), [print(n) for n in range({lines})]))
"""
    ended = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$0" -c "$1" | head -n 1', sys.executable, code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("0\n", "", 1)


def test_another_broken_pipe_is_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(command, "_reader_is_gone", lambda: False)
    with pytest.raises(BrokenPipeError):
        guarded(main)
