"""openXBOW 1.3.1's command line, without Java: ``python -m stages.openxbow`` for ``java -jar openXBOW.jar``.

It takes openXBOW's own options and writes its files, byte for byte; see :mod:`stages.core.openxbow`. It is
no stage of the pipeline and reads no params.yaml.
"""

import sys

from stages.command import guarded
from stages.core.openxbow.options import HELP, parse
from stages.core.openxbow.run import run


def main() -> None:
    """Carry out the call that the command line asks for."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP, end="")
        return
    run(parse(arguments))


if __name__ == "__main__":
    guarded(main)
