"""The audio words: learnt from low-level descriptors of the training split, or taken from openXBOW.

Reads data/lld/SET/ and data/splits.parquet. Writes data/codebook.txt, a file that openXBOW reads as it
is (``-b``), and metrics/codebook.json. ``codebook.file`` in params.yaml names a codebook that openXBOW
wrote (``-B``); it replaces the learnt one, and brings its own assignments, weights, log, idf and scaling.
"""

from pathlib import Path

from stages.command import guarded, section
from stages.core.bags.codebook_file import read_codebook, write_codebook
from stages.core.bags.fitting import fit_codebook
from stages.core.bags.layout import check_groups, column_groups
from stages.core.config.load import load
from stages.core.features.descriptors import open_descriptors
from stages.core.runtime.console import say
from stages.core.runtime.files import write_json
from stages.core.runtime.tables import read_table

CODEBOOK = Path("data/codebook.txt")


def main() -> None:
    """Run the stage."""
    parameters = load()
    options = parameters.codebook
    descriptors = open_descriptors(Path("data/lld") / options.features)
    figures: dict[str, object] = {}
    with section("codebook"):
        groups = column_groups(descriptors.columns, options.layout)
        if options.file is not None:
            codebook = read_codebook(Path(options.file), len(descriptors.columns))
            check_groups(codebook, groups, options.file)
            source = options.file
        else:
            splits = read_table(Path("data/splits.parquet"))
            training = descriptors.mask(splits["clip_id"][splits["split"] == "train"])
            fitted = fit_codebook(descriptors, training, groups, options, parameters.boaw, parameters.compute)
            codebook = fitted.codebook
            source = f"{options.method}, {fitted.sampled} of {fitted.frames} training frames"
            figures = {name: getattr(fitted, name) for name in ("clips", "frames", "sampled", "not_finite")}
    write_codebook(CODEBOOK, codebook)
    figures |= {"words": codebook.bins, "columns": [len(columns) for columns in groups]}
    write_json(Path("metrics/codebook.json"), figures)
    say(f"{CODEBOOK}: {codebook.bins} words ({source}), {codebook.description}")


if __name__ == "__main__":
    guarded(main)
