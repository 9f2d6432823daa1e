"""A run as a folder to hand over: ``python -m stages.export RUN [FOLDER]``.

Writes data/export/RUN, or FOLDER, with README.md (the model card: data, splits, scores with intervals, groups
of speakers, limits, licences), model.onnx (features → predictions, checked against the model itself) and the
files of data/models/RUN, with which ``python -m stages.predict --model FOLDER`` goes from recordings to
predictions.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np

from stages.command import guarded
from stages.core.config.load import load
from stages.core.networks.model import Model
from stages.core.prediction.onnx_graph import largest_difference, onnx_model
from stages.core.reporting.model_card import how_features_are_made, model_card
from stages.core.runtime.console import say
from stages.core.runtime.errors import UserError, did_you_mean
from stages.core.runtime.files import read_json, whole_folder, write_text
from stages.core.runtime.tables import FeatureTable

CHECKED = 256  # clips
TOLERANCE = 1e-5


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m stages.export", description=__doc__)
    parser.add_argument("run", help="a trained run of params.yaml, for example compare-mtl2")
    parser.add_argument("folder", nargs="?", type=Path, help="a new folder (default: data/export/RUN)")
    options = parser.parse_args()
    folder = options.folder or Path("data/export") / options.run
    if options.folder and folder.exists():
        raise UserError(f"{folder} exists; name a new folder.")
    difference = export(options.run, folder)
    say(f"{folder}: README.md, model.onnx (at most {difference:.0e} from the model) and the model itself")


def export(run: str, folder: Path) -> float:
    """Write the folder, whole or not at all; return how far ONNX Runtime is from the model.

    Raises:
        UserError: if the run is not trained and evaluated, a package is missing, or the two differ.
    """
    parameters = load()
    if run not in parameters.runs:
        raise UserError(f"params.yaml: runs has no entry {run!r}{did_you_mean(run, parameters.runs)}.")
    source = Path("data/models") / run
    model = Model.load(source)
    details = read_json(Path("metrics/details.json"))
    if run not in details["runs"]:
        raise UserError(f"metrics/details.json has no scores of {run}; `dvc repro` makes them.")
    graph = onnx_model(model, {"run": run, "how_features_are_made": how_features_are_made(model)})
    serialized = graph.SerializeToString()
    features = FeatureTable(Path(f"data/features/{model.description.features}.parquet"))
    chosen = np.linspace(0, len(features) - 1, min(CHECKED, len(features))).astype(int)
    difference = largest_difference(model, serialized, features[chosen])
    if not difference <= TOLERANCE:
        raise UserError(
            f"data/models/{run}: ONNX Runtime differs by {difference:.1e} from the model itself, more than "
            f"{TOLERANCE:g}; nothing was written."
        )
    card = model_card(
        model,
        details,
        read_json(Path("metrics/corpus.json")),
        read_json(Path("metrics/split.json")),
        parameters.evaluate.confidence,
    )
    with whole_folder(folder) as partial:
        shutil.copytree(source, partial, dirs_exist_ok=True)
        (partial / "model.onnx").write_bytes(serialized)
        write_text(partial / "README.md", card)
    return difference


if __name__ == "__main__":
    guarded(main)
