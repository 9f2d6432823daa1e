"""Predictions and scores of one run: ``python -m stages.evaluate RUN``.

Reads data/models/RUN, its features, data/recordings.parquet and data/splits.parquet. Writes
data/predictions/RUN.parquet (every clip of every split, each seed), data/scores/RUN.json and
plots/confusion/RUN.csv. A split without labels gets predictions and no scores.
"""

import argparse
from pathlib import Path

import numpy as np

from stages.command import guarded
from stages.core.config.load import load
from stages.core.dataset.join import join_clips
from stages.core.dataset.speakers import speakers_of
from stages.core.metrics.metric import METRICS
from stages.core.networks.model import Model, predict_clips
from stages.core.runtime.console import say
from stages.core.runtime.errors import UserError
from stages.core.runtime.files import write_csv, write_json
from stages.core.runtime.tables import FeatureTable, read_table, write_table
from stages.core.scoring.confusions import COLUMNS, confusion_rows, shown_confusions
from stages.core.scoring.predictions import Predictions, to_table
from stages.core.scoring.run_scores import Cost, RunScores, to_json
from stages.core.scoring.score_run import score_run


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(prog="python -m stages.evaluate", description=__doc__)
    parser.add_argument("run", help="a run of params.yaml, for example compare-mtl2")
    run = parser.parse_args().run
    parameters = load()
    source = parameters.run(run)
    model = Model.load(Path("data/models") / run)
    features = FeatureTable(Path(f"data/features/{source.features}.parquet"))
    if features.names != model.feature_names:
        raise UserError(
            f"data/models/{run} was trained on other columns than data/features/{source.features}.parquet "
            f"has; train it again with `dvc repro train@{run}`."
        )
    labels = join_clips(
        read_table(Path("data/recordings.parquet")),
        read_table(Path("data/splits.parquet")),
        features.clip_ids,
    )
    tasks = {name: model.tasks[name] for name in parameters.tasks if name in model.tasks}
    predictions = predict(model, features, speakers_of(labels).to_numpy(str), run)
    parts = {name: model.classes.get(name, task.columns) for name, task in tasks.items()}
    write_table(Path(f"data/predictions/{run}.parquet"), to_table(labels, predictions, parts))
    splits = score_run(
        labels,
        predictions,
        tasks,
        model.classes,
        parameters.split.balance,
        parameters.evaluate,
        parameters.compute,
    )
    scores = RunScores(source.features, source.model, cost_of(model), splits)
    write_json(Path(f"data/scores/{run}.json"), to_json(scores))
    write_csv(Path(f"plots/confusion/{run}.csv"), COLUMNS, confusion_rows(shown_confusions(splits)))
    for split, content in splits.items():
        if not content.tasks:
            say(f"{run}: {split} has no labels, so that it gets predictions and no scores")
            continue
        scored = [
            f"{name} {METRICS[task.score].label} "
            + ("not defined" if task.value is None else f"{task.value:z.3f}")
            for name, task in content.tasks.items()
        ]
        say(f"{run}: {split:10} {', '.join(scored)}")


def predict(model: Model, features: FeatureTable, speakers: np.ndarray, run: str) -> Predictions:
    """Seed → task → float32 [n, outputs] for all clips.

    Raises:
        UserError: if a network predicts NaN, because its training diverged.
    """
    joined = predict_clips(model, features, speakers, np.arange(len(features)))
    for seed, by_task in joined.items():
        for name, values in by_task.items():
            if not np.isfinite(values).all():
                raise UserError(
                    f"data/models/{run} predicts NaN for task {name} (seed {seed}): its training diverged; "
                    "lower train.learning_rate in params.yaml and train it again."
                )
    return joined


def cost_of(model: Model) -> Cost:
    """What the run cost."""
    epochs = sum(network.epochs for network in model.networks)
    clips = model.description.clips["train"]
    of_epoch = {task: clips * count for task, count in model.training_multiply_adds.items()}
    return Cost(model.parameters, model.multiply_adds, len(model.networks), epochs, of_epoch)


if __name__ == "__main__":
    guarded(main)
