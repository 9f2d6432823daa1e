"""Bags of audio words: how often each word of the codebook is near a frame of the clip.

Reads data/lld/SET/ and data/codebook.txt (words and all that follows, as openXBOW stores them). Writes
data/features/boaw.parquet, data/cards/boaw.json, metrics/boaw.json and plots/codebook.png. The bags are those
of openXBOW 1.3.1, bit for bit.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stages.command import guarded, section
from stages.core.bags.assignment import Assigner
from stages.core.bags.codebook_file import read_codebook
from stages.core.bags.counting import count_clips
from stages.core.bags.layout import check_groups, column_groups
from stages.core.bags.usage import Usage
from stages.core.bags.weighting import finish
from stages.core.config.load import load
from stages.core.features.cards import write_card
from stages.core.features.descriptors import open_descriptors
from stages.core.figures.codebook import draw as draw_codebook
from stages.core.runtime.console import progress, say
from stages.core.runtime.device import accelerator
from stages.core.runtime.files import write_json
from stages.core.runtime.tables import write_features

CODEBOOK = Path("data/codebook.txt")


def main() -> None:
    """Run the stage."""
    parameters = load()
    layout, normalize = parameters.codebook.layout, parameters.boaw.normalize
    descriptors = open_descriptors(Path("data/lld") / parameters.codebook.features)
    codebook = read_codebook(CODEBOOK, len(descriptors.columns))
    with section("codebook"):
        groups = column_groups(descriptors.columns, layout)
        check_groups(codebook, groups, str(CODEBOOK))
    with section("boaw"):
        device = accelerator(parameters.boaw.device)
    gpu = None
    if device is not None:
        from stages.core.bags.gpu import GpuCounter  # torch takes seconds to import

        gpu = GpuCounter(device)
    assigner, usage = Assigner(codebook, groups, gpu), Usage(codebook.bins)

    def rows() -> Iterator[np.ndarray]:
        for counts in count_clips(descriptors, assigner, parameters.compute):
            usage.add(counts)
            yield from finish(counts, codebook, normalize)

    made_by = {"codebook": CODEBOOK.read_text(encoding="utf-8"), "layout": layout, "normalize": normalize}
    write_features(
        Path("data/features/boaw.parquet"),
        descriptors.clip_ids,
        [f"boaw_{index:0{max(4, len(str(codebook.bins - 1)))}d}" for index in range(codebook.bins)],
        progress(rows(), len(descriptors.clip_ids), "clip"),
        {**descriptors.origin, "bags": made_by},
    )
    write_card(Path("data/cards/boaw.json"), Path("data/features/boaw.parquet"))
    figures = usage.summary(int(descriptors.lengths.sum()), sum(map(len, groups)))
    write_json(Path("metrics/boaw.json"), figures)
    one, another = usage.most_different()
    draw_codebook(Path("plots/codebook.png"), usage.counts, {"one clip": one, "another clip": another})
    say(
        f"{usage.clips} bags of {codebook.bins} words from {usage.frames} frames; "
        f"{figures['dead_words']} words never used, quantization error {figures['quantization_error']}; "
        f"{figures['not_finite']} frames left out as not finite"
        f"{' or of low activity' if codebook.activity else ''}"
    )


if __name__ == "__main__":
    guarded(main)
