"""EmoGator (Buhl, 2023, arXiv 2301.00508) as a corpus in HUME-VB's layout.

``python -m stages.import_emogator SOURCE DESTINATION`` reads data/mp3/NNNNNN-EE-I.mp3 (speaker,
category, instance) below SOURCE and writes data_info.csv and wav/ to DESTINATION; the recordings
are copied unchanged. Clips of the categories that correspond to one of the paper's ten emotions
get that emotion as 1 and the others as 0; all clips get their ``Category``. There is no age and no country.
"""

import argparse
import re
import shutil
from pathlib import Path

from stages.command import guarded
from stages.core.runtime.console import progress, say
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import whole_folder, write_csv, write_json
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
    parser = argparse.ArgumentParser(prog="python -m stages.import_emogator", description=__doc__)
    parser.add_argument("source", type=Path, help="EmoGator's top folder")
    parser.add_argument("destination", type=Path, help="a new folder for the corpus")
    arguments = parser.parse_args()
    clips = import_corpus(arguments.source, arguments.destination)
    say(f"{clips} clips; set corpus.path in params.yaml to {arguments.destination}")


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
    if destination.exists():
        raise UserError(f"{destination} exists; name a new folder.")
    rows = [_info_row(match) for match in matches]
    with whole_folder(destination) as folder:
        (folder / "wav").mkdir()
        for match in progress(matches, len(matches), "clip"):
            shutil.copyfile(source / "data" / "mp3" / match[0], folder / "wav" / match[0])
        write_csv(folder / "data_info.csv", ["File_ID", "Subject_ID", *EMOTIONS, "Category"], rows)
        write_json(folder / "corpus.json", {"name": "EmoGator", "synthetic": False})
    return len(matches)


def _info_row(match: re.Match[str]) -> list[str | int]:
    """A row of data_info.csv: the clip's id, its speaker, a rating per emotion (or none), the category."""
    index = int(match[2])
    if not 1 <= index <= len(CATEGORIES):
        raise UserError(f"{match[0]} names category {match[2]}; EmoGator's run from 01 to {len(CATEGORIES)}.")
    category = CATEGORIES[index - 1]
    emotion = EMOTION_OF.get(category)
    ratings = [int(column == emotion) if emotion else "" for column in EMOTIONS]
    return [match[0].removesuffix(".mp3"), match[1], *ratings, category]


if __name__ == "__main__":
    guarded(main)
