"""The embedded corpus: computed voices in the layout of HUME-VB.

Writes data/synthetic: data_info.csv, wav/, corpus.json, README. Each clip has random generators of its own,
so that neither the order nor the number of processes matters. Labels and voices are invented: scores on this
corpus show whether the pipeline works, and nothing about people.
"""

from functools import partial
from pathlib import Path

import soundfile

from stages.command import guarded
from stages.core.config.load import load
from stages.core.runtime.console import progress, say
from stages.core.runtime.files import whole_folder, write_json, write_text
from stages.core.runtime.parallel import in_order, parallel_map, uncrashed
from stages.core.synthetic.corpus import label_table, make_clip, plan

CORPUS = Path("data/synthetic")
README = """This corpus is synthetic: voices by source and filter, with invented speakers, ratings, ages and
countries, in the layout of HUME-VB. It shows that the pipeline works. It says nothing about people.
"""


UNUSED = "This corpus was not made, since corpus.path in params.yaml names another one.\n"


def main() -> None:
    """Run the stage; with another corpus there is nothing to make, and a line in the folder says so."""
    parameters = load()
    if Path(parameters.corpus.path).resolve() != CORPUS.resolve():
        with whole_folder(CORPUS) as folder:
            write_text(folder / "README", UNUSED)
        return
    options = parameters.synthesize
    speakers, clips = plan(options)
    items = enumerate((clip, speakers[clip.speaker]) for clip in clips)
    made = uncrashed(parallel_map(partial(make_clip, options.seed), items, parameters.compute), "clip")
    ratings = []
    with whole_folder(CORPUS) as folder:
        (folder / "wav").mkdir()
        for clip, (wav, rating) in zip(clips, progress(in_order(made), len(clips), "clip"), strict=True):
            (folder / "wav" / f"{clip.file_id}.wav").write_bytes(wav)
            ratings.append(rating)
        write_text(folder / "data_info.csv", label_table(speakers, clips, ratings))
        write_json(folder / "corpus.json", {"name": "synthetic corpus", "synthetic": True})
        write_text(folder / "README", README)
    seconds = sum(soundfile.info(path).duration for path in (CORPUS / "wav").iterdir())
    say(f"synthetic corpus: {len(clips)} clips of {len(speakers)} speakers, {seconds / 60:.1f} minutes")


if __name__ == "__main__":
    guarded(main)
