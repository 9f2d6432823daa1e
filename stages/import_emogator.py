"""EmoGator (Buhl, 2023, arXiv 2301.00508) as a corpus in HUME-VB's layout.

``python -m stages.import_emogator SOURCE DESTINATION`` reads data/mp3/NNNNNN-EE-I.mp3 (speaker,
category, instance) below SOURCE and writes data_info.csv and wav/ to DESTINATION; the recordings
are copied unchanged. Clips of the categories that correspond to one of the paper's ten emotions
get that emotion as 1 and the others as 0; all clips get their ``Category``. There is no age and no country.
"""

import re
import shutil
from functools import partial
from pathlib import Path

from stages.command import guarded, import_parser, say_imported
from stages.core.corpus.writing import ImportedClip, write_corpus
from stages.core.runtime.console import progress
from stages.core.runtime.errors import UserError
from stages.core.synthetic.speakers import EMOTIONS

CATEGORIES = (
    "Adoration Amusement Anger Awe Confusion Contempt Contentment Desire Disappointment Disgust "
    "Distress Ecstasy Elation Embarrassment Fear Guilt Interest Neutral Pain Pride Realization Relief "
    "RomanticLove Sadness Serenity Shame SurpriseNegative SurprisePositive Sympathy Triumph"
).split()

EMOTION_OF = {name: name for name in EMOTIONS if name in CATEGORIES} | {
    "SurpriseNegative": "Surprise",
    "SurprisePositive": "Surprise",
    "Embarrassment": "Awkwardness",
    "Elation": "Excitement",
    "Ecstasy": "Excitement",
}
FILE_NAME = re.compile(r"(\d{6})-(\d{2})-(\d)\.mp3")


def main() -> None:
    """Run the import."""
    parser = import_parser("stages.import_emogator", __doc__, "EmoGator's top folder")
    arguments = parser.parse_args()
    clips = import_corpus(arguments.source, arguments.destination)
    say_imported(clips, arguments.destination, [*EMOTIONS, "Category"])


def import_corpus(source: Path, destination: Path) -> int:
    """Write the corpus and return its number of clips.

    Raises:
        UserError: if the source holds no such recordings or the destination exists.
    """
    matches = [
        match for path in sorted(source.glob("data/mp3/*.mp3")) if (match := FILE_NAME.fullmatch(path.name))
    ]
    if not matches:
        raise UserError(f"{source} holds no data/mp3/NNNNNN-EE-I.mp3; name EmoGator's top folder.")
    categories = {match: _category(match) for match in matches}
    clips = (_clip(source, match, categories[match]) for match in progress(matches, len(matches), "clip"))
    return write_corpus(destination, "EmoGator", clips)


def _category(match: re.Match[str]) -> str:
    index = int(match[2])
    if not 1 <= index <= len(CATEGORIES):
        raise UserError(f"{match[0]} names category {match[2]}; EmoGator's run from 01 to {len(CATEGORIES)}.")
    return CATEGORIES[index - 1]


def _clip(source: Path, match: re.Match[str], category: str) -> ImportedClip:
    """A recording with its speaker, its category, and a rating per emotion (or none)."""
    emotion = EMOTION_OF.get(category)
    ratings = {column: int(column == emotion) if emotion else None for column in EMOTIONS}
    recording = source / "data" / "mp3" / match[0]
    store = partial(shutil.copyfile, recording)
    labels = {**ratings, "Category": category}
    return ImportedClip(recording.stem, recording.suffix, store, speaker=match[1], labels=labels)


if __name__ == "__main__":
    guarded(main)
