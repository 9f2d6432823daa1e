"""Predictions and scores of one run: ``python -m stages.evaluate RUN``.

Reads data/models/RUN, its features, data/recordings.parquet, data/splits.parquet and
metrics/corpus.json. Writes data/predictions/RUN.parquet (every clip of every split, each seed),
data/scores/RUN.json and plots/confusion/RUN.csv and .png. A split without labels gets predictions and
no scores.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.command import guarded
from stages.core.config.load import load
from stages.core.config.tasks import Task
from stages.core.figures.confusion import Matrix, draw
from stages.core.networks.model import Model
from stages.core.runtime.console import say
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import read_json, write_csv, write_json
from stages.core.runtime.tables import read_features, read_table, write_table
from stages.core.scoring.run_scores import Predictions, run_details

BLOCK = 4096  # clips predicted at a time, so that memory holds the features once


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(prog="python -m stages.evaluate", description=__doc__)
    parser.add_argument("run", help="a run of params.yaml, for example compare-mtl2")
    run = parser.parse_args().run
    parameters = load()
    source = parameters.run(run)
    model = Model.load(Path("data/models") / run)
    clip_ids, names, features = read_features(Path(f"data/features/{source.features}.parquet"))
    if names != model.feature_names:
        raise UserError(
            f"data/models/{run} was trained on other columns than data/features/{source.features}.parquet "
            f"has; train it anew with `dvc repro train@{run}`."
        )
    labels = labels_of(clip_ids)
    tasks = {name: model.tasks[name] for name in parameters.tasks if name in model.tasks}
    predictions = predict(model, features, run)
    write_table(Path(f"data/predictions/{run}.parquet"), table_of(labels, predictions, tasks, model.classes))
    splits = run_details(
        labels, predictions, tasks, model.classes, parameters.split.balance, parameters.evaluate
    )
    details = {"features": source.features, "model": source.model, "cost": cost(model), "splits": splits}
    write_json(Path(f"data/scores/{run}.json"), details)
    write_confusion(run, splits, read_json(Path("metrics/corpus.json"))["name"])
    for split, content in splits.items():
        if not content["tasks"]:
            say(f"{run}: {split} has no labels, so that it gets predictions and no scores")
        for name, task in content["tasks"].items():
            say(f"{run}: {split} {name} {task['score'].upper()} {task['value']} (seed {task['best_seed']})")


def labels_of(clip_ids: Sequence[str]) -> pd.DataFrame:
    """Labels, speaker and split of the clips that have features, in their order."""
    labels = read_table(Path("data/recordings.parquet")).merge(
        read_table(Path("data/splits.parquet")), on="clip_id", validate="one_to_one"
    )
    lost = set(clip_ids) - set(labels["clip_id"])
    if lost:
        raise UserError(
            f"clip {min(lost)} has features but no row in data/recordings.parquet; run `dvc repro`."
        )
    return labels.set_index("clip_id").loc[list(clip_ids)].reset_index()


def predict(model: Model, features: np.ndarray, run: str) -> Predictions:
    """Seed → task → float32 [n, outputs] for all clips.

    Raises:
        UserError: if a network predicts NaN, because its training diverged.
    """
    blocks = [model.predict(features[first : first + BLOCK]) for first in range(0, len(features), BLOCK)]
    joined = {
        seed: {name: np.concatenate([block[seed][name] for block in blocks]) for name in model.tasks}
        for seed in model.seeds
    }
    for seed, by_task in joined.items():
        for name, values in by_task.items():
            if not np.isfinite(values).all():
                raise UserError(
                    f"data/models/{run} predicts NaN for task {name} (seed {seed}): its training diverged; "
                    "lower train.learning_rate in params.yaml and train it anew."
                )
    return joined


def table_of(
    labels: pd.DataFrame,
    predictions: Predictions,
    tasks: Mapping[str, Task],
    classes: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Predictions as a table: clip_id, split, seed, then ``TASK.COLUMN`` and ``TASK.CLASS``."""
    parts = []
    for seed in sorted(predictions):
        columns = {
            f"{name}.{column}": values
            for name, task in tasks.items()
            for column, values in zip(classes.get(name, task.columns), predictions[seed][name].T, strict=True)
        }
        clips = {"clip_id": labels["clip_id"], "split": labels["split"], "seed": np.int64(seed)}
        parts.append(pd.DataFrame({**clips, **columns}).sort_values("clip_id"))
    return pd.concat(parts, ignore_index=True)


def cost(model: Model) -> dict[str, int]:
    """What the run cost: weights and multiply-adds a clip of one seed; networks and epochs of all seeds."""
    return {
        "parameters": model.parameters,
        "multiply_adds": model.multiply_adds,
        "networks": len(model.networks),
        "epochs": sum(network.epochs for network in model.networks),
    }


def write_confusion(run: str, splits: Mapping[str, Any], corpus: str) -> None:
    """Confusion matrices of the best seed on the test split, or on validation where test has no labels.

    The table has a row a clip, sorted, so that it names nobody; with several classifications its labels
    begin with the task's name.
    """
    matrices: list[Matrix] = []
    pairs: list[tuple[str, str]] = []
    for split in ("validation", "test"):
        found = {name: task for name, task in splits[split]["tasks"].items() if "confusion" in task}
        if not found:
            continue
        matrices, pairs = [], []
        for name, task in found.items():
            classes, counts = task["confusion"]["classes"], np.array(task["confusion"]["counts"])
            title = f"{name}, {run}, UAR {task['value']:.3f}\n{split} split of {corpus}"
            matrices.append(Matrix(title, classes, counts))
            labels = [f"{name}: {label}" if len(found) > 1 else label for label in classes]
            for (actual, predicted), times in np.ndenumerate(counts):
                pairs += [(labels[actual], labels[predicted])] * int(times)
    write_csv(Path(f"plots/confusion/{run}.csv"), ["actual", "predicted"], sorted(pairs))
    draw(Path(f"plots/confusion/{run}.png"), matrices, "no classification task with labels")


if __name__ == "__main__":
    guarded(main)
