"""Feature sets alone and side by side, with and without speakers' units.

``python -m tests.benchmarks.fusion compare compare+egemaps+boaw … --model fused-mtl``, in a project whose
features, recordings and splits exist. Each combination is trained as the model of params.yaml says (all
columns of a set that the model does not name), with ``--speaker`` in each speaker's units: another setting,
whose scores must not stand beside the others without a word. Printed are scores of the mean over seeds: of
the networks alone, blended, and blended and calibrated, which concerns CCC alone.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from stages.command import guarded
from stages.core.config.load import Parameters, load
from stages.core.config.training import RunOptions
from stages.core.dataset.labels import targets_of
from stages.core.features.fusion import fuse_tables
from stages.core.metrics.metric import METRICS
from stages.core.networks.model import Model
from stages.core.runtime.console import progress, say
from stages.core.runtime.tables import origin_of, read_features, read_table
from tests.benchmarks.small_corpora import RunTables, trained

RUN = "benchmark"


def main() -> None:
    """Print a row for each combination, task and split."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fusion", description=__doc__)
    parser.add_argument("sets", nargs="+", help="feature sets, joined by +")
    parser.add_argument("--model", default="fused-mtl", help="a model of params.yaml")
    parser.add_argument("--speaker", action="store_true", help="features in each speaker's units")
    options = parser.parse_args()
    say(f"{'features':42}{'task':12}{'split':12}{'networks':>9}{'blended':>9}{'matched':>9}")
    for combination in progress(options.sets, len(options.sets), "combination"):
        sets = combination.split("+")
        parameters = changed(load(), options.model, sets, speaker=options.speaker)
        tables = tables_of(sets)
        model, _ = trained(parameters, RUN, tables)
        for name, task in model.tasks.items():
            for split in ("validation", "test"):
                clips, features, speakers = tables.of_split(split)
                truth = targets_of(task, clips, model.classes.get(name, ()))
                scores = [
                    METRICS[task.score].compute(truth, ensemble(stage, features, speakers, name))
                    for stage in stages_of(model)
                ]
                say(f"{combination:42}{name:12}{split:12}" + "".join(f"{score:9.3f}" for score in scores))


def changed(parameters: Parameters, model: str, sets: Sequence[str], *, speaker: bool) -> Parameters:
    """The parameters with one run that reads some sets side by side."""
    options = parameters.models[model]
    train = dict(options.train)
    columns = train.get("columns")
    if isinstance(columns, dict):
        train["columns"] = {name: number for name, number in columns.items() if name in sets} or None
    if speaker:
        train["scaling"] = "speaker"
    return replace(
        parameters,
        models={**parameters.models, RUN: replace(options, train=train)},
        runs={RUN: RunOptions("+".join(sets), RUN)},
    )


def tables_of(sets: Sequence[str]) -> RunTables:
    """The tables of a run that reads some sets side by side."""
    recordings, splits = (read_table(Path(f"data/{name}.parquet")) for name in ("recordings", "splits"))
    with TemporaryDirectory() as folder:
        table = Path(folder) / "fused.parquet"
        fuse_tables({name: Path(f"data/features/{name}.parquet") for name in sets}, table, "fusion")
        return RunTables(*read_features(table), origin_of(table), recordings, splits)


def stages_of(model: Model) -> list[Model]:
    """The networks alone, blended, and blended and calibrated."""
    blended = replace(model, description=replace(model.description, calibration={}))
    return [replace(blended, description=replace(blended.description, blend={})), blended, model]


def ensemble(model: Model, features: np.ndarray, speakers: np.ndarray, task: str) -> np.ndarray:
    """The mean prediction of the seeds: float64 [n, outputs]."""
    by_seed = model.predict(features, speakers)
    return np.stack([by_seed[seed][task] for seed in model.seeds]).mean(axis=0, dtype=np.float64)


if __name__ == "__main__":
    guarded(main)
