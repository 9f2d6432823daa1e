import subprocess
import sys

from stages import STOPPED
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
