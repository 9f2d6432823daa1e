"""Presets: sections of params.yaml for the challenges on HUME-VB and for EmoGator.

Each is a file of the folder ``presets``. Its sections ``tasks`` and ``runs`` take the place of those of
params.yaml; of ``corpus`` and ``split`` the keys that it names do.
"""

from dataclasses import dataclass
from pathlib import Path

import yaml

from stages.core.config.load import parse_text
from stages.core.config.writing import remark_of, with_entry, with_section
from stages.core.runtime.errors import UserError, did_you_mean

FOLDER = Path(__file__).with_suffix("")


@dataclass(frozen=True)
class Preset:
    """A preset as its file has it.

    Attributes:
        name: of the file.
        title: what is predicted, and by which score.
        layout: the files that it expects below the corpus's folder.
        text: the whole file.
    """

    name: str
    title: str
    layout: str
    text: str


def presets() -> dict[str, Preset]:
    """Every preset by its name."""
    found = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
        found[path.stem] = Preset(path.stem, content["title"], content["layout"], text)
    return found


def preset(name: str) -> Preset:
    """A preset by its name.

    Raises:
        UserError: if there is none of this name.
    """
    known = presets()
    if name not in known:
        raise UserError(f"there is no preset {name!r}{did_you_mean(name, known)}.")
    return known[name]


def with_preset(text: str, chosen: Preset, path: str) -> str:
    """The text of params.yaml with a preset in it; what the preset does not name stays as it is.

    A comment at the end of a line stays too, unless the preset has one of its own there.

    Args:
        text: of params.yaml.
        chosen: the preset.
        path: the folder of the corpus.

    Raises:
        UserError: if the file lacks a section, or another section does not fit the preset's tasks and runs.
    """
    content = yaml.safe_load(chosen.text)
    for section in ("corpus", "split"):
        entries = {**({"path": path} if section == "corpus" else {}), **content[section]}
        for key, value in entries.items():
            text = with_entry(text, section, key, value, remark_of(chosen.text, section, key))
    for section in ("tasks", "runs"):
        text = with_section(text, section, chosen.text)
    parse_text(text)
    return text
