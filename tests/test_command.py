import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stages import STOPPED
from stages.command import guarded, import_parser, say_imported, section
from stages.core.runtime.errors import OptionError, StageFileError, UserError
from tests.helpers import ROOT


def printed(first_argument: str, error: str) -> str:
    """What an error prints after the import of the package, before that of a command's own modules."""
    code = f"import sys; sys.argv = [{first_argument!r}]; import stages; raise {error}"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False
    )
    assert ended.returncode != 0
    return ended.stderr


def test_a_command_that_is_stopped_while_it_imports_says_one_sentence() -> None:
    assert printed("-m", "KeyboardInterrupt") == f"{STOPPED}\n"


def test_other_errors_and_other_programs_keep_their_tracebacks() -> None:
    assert "Traceback" in printed("notebook.py", "KeyboardInterrupt")
    assert printed("-m", "RuntimeError('why')").endswith("RuntimeError: why\n")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("params.yaml: x is missing."), "error: params.yaml: x is missing.\n"),
        (OptionError("size", "is 0; raise it"), "error: size is 0; raise it.\n"),
        (
            StageFileError(Path("data/x.parquet"), "is damaged"),
            "error: data/x.parquet is damaged; `dvc repro` makes it again.\n",
        ),
        *(
            (
                OSError(number, "Told so", *name),
                f"error: {told}: Told so; correct that and run the command again.\n",
            )
            for number in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
            for name, told in ((("a/b",), "a/b"), ((), "a file"))
        ),
    ],
)
def test_what_the_user_can_correct_is_one_line(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        print("before")
        raise error

    with pytest.raises(SystemExit) as caught:
        guarded(main)
    assert caught.value.code == 1
    assert capsys.readouterr() == ("before\n", said)


@pytest.mark.parametrize("error", [ValueError("x"), OSError(errno.EIO, "x"), OSError("x"), SystemExit(3)])
def test_all_else_is_raised(error: BaseException) -> None:
    def main() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        guarded(main)
    assert caught.value is error


def test_ctrl_c_ends_at_once_where_threads_compute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise KeyboardInterrupt

    def end(code: int) -> None:
        ends.append(code)

    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", end)
    daemons = [thread for thread in threading.enumerate() if thread.daemon]
    for others, expected in (([], []), (daemons, []), ([threading.Thread()], [130])):
        monkeypatch.setattr(threading, "enumerate", lambda others=others: [threading.main_thread(), *others])
        ends.clear()
        with pytest.raises(SystemExit) as caught:
            guarded(main)
        assert (caught.value.code, ends) == (130, expected)
        assert capsys.readouterr().err == f"{STOPPED}\n"


def test_the_section_of_an_option() -> None:
    for name, message in (("boaw", "params.yaml: boaw.size is 0."), ("", "params.yaml: size is 0.")):
        with pytest.raises(UserError) as caught, section(name):
            raise OptionError("size", "is 0")
        assert str(caught.value) == message and not isinstance(caught.value, OptionError)
    with pytest.raises(StageFileError, match=r"^a is damaged$"), section("boaw"):
        raise StageFileError(Path("a"), "is damaged")


def test_commands_that_import_a_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    options = import_parser("stages.x", "About\n  x.", "what it is").parse_args(["from/a", "to/b"])
    assert (options.source, options.destination) == (Path("from/a"), Path("to/b"))
    text = import_parser("stages.x", "About\n  x.", "what it is").format_help()
    assert text.startswith("usage: python -m stages.x [-h] source destination\n\nAbout\n  x.\n")
    assert "what it is" in text and "a new folder for the corpus" in text
    say_imported(7, Path("to/b"), ["Age", "Mood"])
    say_imported(0, Path("c"), [])
    assert capsys.readouterr().out.splitlines() == [
        "7 clips; set corpus.path in params.yaml to to/b",
        "labels: Age, Mood; declare under tasks which of them are learnt",
        "0 clips; set corpus.path in params.yaml to c",
        "labels: none; declare under tasks which of them are learnt",
    ]
