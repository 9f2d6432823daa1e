"""Set params.yaml for a challenge on HUME-VB, or for EmoGator.

    python -m stages.preset                              # lists the presets
    python -m stages.preset a-vb-type --path ../a-vb     # writes one into params.yaml

The sections tasks and runs become those of the preset, comments included, and so do the keys of corpus and
split that it names. All other lines of params.yaml stay as they are.
"""

import argparse
from pathlib import Path

from stages.command import guarded
from stages.core.config.load import FILE
from stages.core.config.presets import preset, presets, with_preset
from stages.core.runtime.console import say
from stages.core.runtime.files import write_text


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.preset",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", help="a preset; without it they are listed")
    parser.add_argument("--path", help="the folder of the corpus")
    options = parser.parse_args()
    if options.name is None:
        for known in presets().values():
            say(f"{known.name:15} {known.title}\n{'':15} reads {known.layout}")
        return
    chosen = preset(options.name)
    if options.path is None:
        parser.error(f"--path names the folder of the corpus, with {chosen.layout}")
    write_text(FILE, with_preset(FILE.read_text(encoding="utf-8"), chosen, str(Path(options.path))))
    say(f"{FILE} is set for {chosen.name}: {chosen.title}; `make check` looks at the corpus")


if __name__ == "__main__":
    guarded(main)
