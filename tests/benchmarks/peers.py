"""The networks against plain learners of scikit-learn: ``python -m tests.benchmarks.peers [FEATURES]``.

Run it in a project whose features exist; runs that are trained and evaluated stand beside. For each task
it fits on the training split and scores the test split, with the intervals of the evaluate stage:

- ridge: RidgeCV, for a classification on targets of −1 and 1; penalty chosen by leave-one-out on training;
- linear SVM: LinearSVC or LinearSVR, C chosen on validation;
- boosting: HistGradientBoosting with early stopping, defaults else.

Classes weigh the same, as in the score; where the score is MAE, SVM and boosting minimize absolute errors.

All see the inputs of the paper's recipe: standardized by the training split. Boosting sees at most
``BOOSTED`` columns, those that correlate most with the labels of the training split; the table says so.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeCV
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.utils.class_weight import compute_sample_weight

from stages.command import guarded
from stages.core.config.load import load
from stages.core.config.tasks import Task
from stages.core.dataset.join import join_clips
from stages.core.dataset.labels import classes_of, labelled, targets_of
from stages.core.metrics.metric import METRICS
from stages.core.networks.scaling import fit_scaling
from stages.core.networks.selection import correlation
from stages.core.runtime.console import say
from stages.core.runtime.files import read_json
from stages.core.runtime.tables import read_features, read_table
from stages.core.scoring.run_scores import RunScores, read_record
from stages.core.scoring.sampling import Sampling

PENALTIES = np.logspace(1, 6, 11)
COSTS = (1e-5, 1e-4, 1e-3, 1e-2)
BOOSTED = 500

Parts = dict[str, np.ndarray]


def ridge(_: Task, inputs: Parts, truth: Parts, classes: int) -> np.ndarray:
    """Scores [n, parts] of the test clips."""
    targets = 2 * np.eye(classes)[truth["train"]] - 1 if classes else truth["train"]
    weights = compute_sample_weight("balanced", truth["train"]) if classes else None
    fitted = RidgeCV(PENALTIES).fit(inputs["train"], targets, sample_weight=weights)
    return fitted.predict(inputs["test"]).reshape(-1, targets.shape[1])


def svm(task: Task, inputs: Parts, truth: Parts, classes: int) -> np.ndarray:
    """Scores [n, parts] of the test clips; C is the best on validation."""
    metric = METRICS[task.score]
    loss = "epsilon_insensitive" if metric.in_label_units else "squared_epsilon_insensitive"
    values: dict[float, float] = {}
    chosen: dict[float, np.ndarray] = {}
    for cost in COSTS:
        predicted: Parts = {}
        if classes:
            model = LinearSVC(C=cost, class_weight="balanced", random_state=1)
            models = [model.fit(inputs["train"], truth["train"])]
        else:
            mean = truth["train"].mean(axis=0)
            models = [
                LinearSVR(C=cost, loss=loss, dual=True, random_state=1).fit(inputs["train"], column)
                for column in (truth["train"] - mean).T
            ]
        for split in ("validation", "test"):
            if classes:
                predicted[split] = _of_classes(
                    models[0].decision_function(inputs[split]), models[0].classes_, classes
                )
            else:
                predicted[split] = np.column_stack([model.predict(inputs[split]) for model in models]) + mean
        values[cost] = metric.compute(truth["validation"], predicted["validation"])
        chosen[cost] = predicted["test"]
    best = metric.best(values)
    return chosen[COSTS[0] if best is None else best]


def boosting(task: Task, inputs: Parts, truth: Parts, classes: int) -> np.ndarray:
    """Scores [n, parts] of the test clips."""
    targets = np.eye(classes)[truth["train"]] if classes else truth["train"]
    columns = np.sort(np.argsort(-correlation(inputs["train"], targets), kind="stable")[:BOOSTED])
    train, test = inputs["train"][:, columns], inputs["test"][:, columns]
    if classes:
        model = HistGradientBoostingClassifier(
            class_weight="balanced", early_stopping=True, max_iter=100, random_state=1
        ).fit(train, truth["train"])
        return _of_classes(model.predict_proba(test), model.classes_, classes)
    loss = "absolute_error" if METRICS[task.score].in_label_units else "squared_error"
    models = [
        HistGradientBoostingRegressor(loss=loss, early_stopping=True, random_state=1).fit(train, column)
        for column in truth["train"].T
    ]
    return np.column_stack([model.predict(test) for model in models])


def _of_classes(values: np.ndarray, seen: np.ndarray, classes: int) -> np.ndarray:
    """Scores of the classes that the learner saw → [n, classes]; two classes come as one column."""
    if values.ndim == 1:
        values = np.column_stack([-values, values])
    whole = np.full((len(values), classes), -np.inf)
    whole[:, seen] = values
    return whole


LEARNERS: dict[str, Callable[[Task, Parts, Parts, int], np.ndarray]] = {
    "ridge": ridge,
    "linear SVM": svm,
    "boosting": boosting,
}


def main() -> None:
    """Print a table per task."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    parser.add_argument("features", nargs="?", default="egemaps", help="a feature set, for example compare")
    name = parser.parse_args().features
    parameters = load()
    clip_ids, _, features = read_features(Path(f"data/features/{name}.parquet"))
    labels = join_clips(
        read_table(Path("data/recordings.parquet")), read_table(Path("data/splits.parquet")), clip_ids
    )
    train = (labels["split"] == "train").to_numpy()
    inputs = fit_scaling("standard", features[train])(features).astype(np.float64)
    corpus = read_json(Path("metrics/corpus.json"))
    kind = " (synthetic)" if corpus["synthetic"] else ""
    say(f"{corpus['name']}{kind}, {name}: {features.shape[1]} features; test split")
    for task_name, task in parameters.tasks.items():
        classes = classes_of(task, labels[train]) if task.kind == "classification" else ()
        truth = targets_of(task, labels, classes)
        known = labelled(truth)
        rows = {
            split: known & (labels["split"] == split).to_numpy() for split in ("train", "validation", "test")
        }
        if not all(mask.any() for mask in rows.values()):
            continue
        parts = {split: inputs[mask] for split, mask in rows.items()}
        truths = {split: truth[mask] for split, mask in rows.items()}
        sampling = Sampling.of(labels[rows["test"]], parameters.evaluate)
        shown = {run: figures for run in parameters.runs for figures in networks(run, name, task_name)}
        metric = METRICS[task.score]
        say(f"\n{task_name}, {metric.label} ({metric.better} is better)")
        for run, text in shown.items():
            say(f"  {run:36}{text}")
        for learner, predict in LEARNERS.items():
            began = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                predicted = predict(task, parts, truths, len(classes))
                estimate = sampling.estimate(
                    task.score, sampling.sums(task.score, truths["test"], [predicted])
                )
            cut = learner == "boosting" and features.shape[1] > BOOSTED
            title = f"{learner} ({BOOSTED} columns)" if cut else learner
            seconds = time.perf_counter() - began
            say(f"  {title:36}{estimate.value:.4f} [{estimate.low:.4f}, {estimate.high:.4f}]{seconds:8.1f} s")


def networks(run: str, features: str, task: str) -> list[str]:
    """What the evaluate stage found for a run on these features: best seed, and mean of seeds."""
    path = Path(f"data/scores/{run}.json")
    if not path.exists():
        return []
    scores = read_record(RunScores, path)
    found = scores.task(task, "test")
    if features != scores.features or found is None:
        return []
    best, mean = (
        f"{scored.value:.4f} [{scored.low:.4f}, {scored.high:.4f}]" for scored in (found, found.ensemble)
    )
    return [f"{best}   ensemble of {len(found.seeds)} {mean}"]


if __name__ == "__main__":
    guarded(main)
