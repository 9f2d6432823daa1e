"""The audio words: learnt from low-level descriptors of the training split, or taken from openXBOW.

Reads data/lld/SET/ and data/splits.parquet. Writes data/codebook.txt, a file that openXBOW reads as it
stands (``-b``), and metrics/codebook.json. ``codebook.file`` in params.yaml names a codebook that openXBOW
wrote (``-B``); it then takes the place of the learnt one, with its own assignments, log and idf.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from stages.command import guarded
from stages.core.bags import assignment
from stages.core.bags import codebook as codebooks
from stages.core.bags import counting as bags
from stages.core.bags import learning as words
from stages.core.config.features import BagOptions, CodebookOptions
from stages.core.config.load import load
from stages.core.features import descriptors as frames
from stages.core.runtime.console import say
from stages.core.runtime.files import write_json
from stages.core.runtime.tables import read_table

CODEBOOK = Path("data/codebook.txt")


def main() -> None:
    """Run the stage."""
    parameters = load()
    options = parameters.codebook
    descriptors = frames.open_descriptors(Path("data/lld") / options.features)
    groups = codebooks.groups(descriptors.columns, options.layout)
    if options.file is not None:
        codebook = codebooks.read(Path(options.file))
        codebooks.check(codebook, groups, len(descriptors.columns), options.file)
        figures: dict[str, object] = {}
    else:
        splits = read_table(Path("data/splits.parquet"))
        clips = descriptors.training(splits["clip_id"][splits["split"] == "train"])
        threads = parameters.compute.workers
        codebook, figures = learn(descriptors, clips, groups, options, parameters.boaw, threads)
    codebooks.write(CODEBOOK, codebook)
    figures |= {"words": codebook.bins, "columns": [len(columns) for columns in groups]}
    write_json(Path("metrics/codebook.json"), figures)
    source = options.file or f"{options.method}, {figures['sampled']} of {figures['frames']} training frames"
    log, idf = ", log" if codebook.log else "", ", idf" if codebook.idf is not None else ""
    say(f"{CODEBOOK}: {codebook.bins} words ({source}), {codebook.assignments} assignments{log}{idf}")


def learn(
    descriptors: frames.Descriptors,
    clips: np.ndarray,
    groups: list[np.ndarray],
    options: CodebookOptions,
    counting: BagOptions,
    threads: int,
) -> tuple[codebooks.Codebook, dict[str, object]]:
    """Learn a codebook from the frames of some clips; no other clip has a say.

    Args:
        descriptors: the frames of all clips.
        clips: bool [clips], the clips of the training split.
        groups: the columns of each codebook.
        options: size, method, sample, standardization, seed.
        counting: what the codebook file says about assignments, log and idf.
        threads: how many threads count words for the idf.

    Returns:
        The codebook, and figures about the frames.
    """
    sampled, odd = frames.sample(descriptors, clips, options.frames, options.seed)
    mean = deviation = None
    if options.standardize:
        mean, deviation = codebooks.statistics(sampled)
        sampled -= mean
        sampled /= deviation
    chosen = []
    for columns in groups:
        part = sampled if len(columns) == sampled.shape[1] else np.ascontiguousarray(sampled[:, columns])
        chosen.append(words.learn(part, options.size, options.method, options.seed))
    codebook = codebooks.Codebook(tuple(chosen), counting.assignments, counting.log, mean, deviation)
    if counting.idf:
        factors = bags.idf(*_documents(descriptors, clips, assignment.Assigner(codebook, groups), threads))
        codebook = replace(codebook, idf=factors)
    figures: dict[str, object] = {
        "clips": int(clips.sum()),
        "frames": int(descriptors.lengths[clips].sum()),
        "sampled": len(sampled),
        "not_finite": odd,
    }
    return codebook, figures


def _documents(
    descriptors: frames.Descriptors, clips: np.ndarray, assigner: assignment.Assigner, threads: int
) -> tuple[np.ndarray, int]:
    """In how many of the clips each word occurs, and the number of those clips."""
    documents, first = np.zeros(assigner.codebook.bins, np.int64), 0
    for counts in bags.count_clips(descriptors, assigner, threads):
        own = clips[first : first + len(counts.frames)]
        documents += (counts.bags[own] > 0).sum(axis=0)
        first += len(counts.frames)
    return documents, int(clips.sum())


if __name__ == "__main__":
    guarded(main)
