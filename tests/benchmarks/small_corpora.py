"""Runs on small parts of a corpus, beside the naive predictor and linear models.

``python -m tests.benchmarks.small_corpora RUN… --shares 1 0.5 0.25 --seeds 1 2``, in a project whose features
exist. Each share of the speakers is drawn and split anew for each seed; on each such part the run is trained
as params.yaml says. Test scores are printed beside those of:

- the naive predictor: the training mean, the training median where the score is MAE, or the largest class;
- ridge: RidgeCV, its penalty chosen by leave-one-out on training;
- linear SVM: LinearSVC or LinearSVR, C chosen on validation;

both of scikit-learn, on all features in standard units (as :mod:`tests.benchmarks.peers` has them). Behind
each stands how much better the run is, with a 95 % interval over the test speakers, paired on the same
clips; a * marks an interval that lies below 0: the run is worse beyond noise. The last lines are means over
the parts, with the standard error of the mean difference.
"""

import argparse
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from stages.command import guarded
from stages.core.config.load import Parameters, load
from stages.core.config.tasks import Task
from stages.core.dataset.join import join_clips
from stages.core.dataset.labels import labelled, targets_of
from stages.core.dataset.splitting import assign
from stages.core.metrics.metric import METRICS
from stages.core.metrics.naive import naive_prediction
from stages.core.networks.blending import best_constant
from stages.core.networks.data import Prepared, prepare
from stages.core.networks.model import Model
from stages.core.networks.run import RunTables, in_order_of_seeds, model_of, train_run
from stages.core.networks.scaling import fit_scaling
from stages.core.runtime.console import progress, say
from stages.core.runtime.files import read_json
from stages.core.runtime.tables import origin_of, read_features, read_table
from stages.core.scoring.sampling import Sampling
from tests.benchmarks.peers import ridge, svm

SPLITS = ("train", "validation", "test")
PEERS = ("naive", "ridge", "linear SVM")
Scores = dict[str, float]


def main() -> None:
    """Print a table for each run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.small_corpora", description=__doc__)
    parser.add_argument("runs", nargs="+", help="runs of params.yaml, for example compare-regularized-mtl")
    parser.add_argument("--shares", nargs="+", type=float, default=[1.0], help="of the speakers")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], help="of the parts and of their splits")
    options = parser.parse_args()
    parameters = load()
    corpus = read_json(Path("metrics/corpus.json"))
    kind = " (synthetic)" if corpus["synthetic"] else ""
    for run in options.runs:
        say(f"{corpus['name']}{kind}, {run}; test scores of the mean over seeds")
        say(f"{'share':>6}{'seed':>5}{'clips':>7}  {'task':10}{'run':>8}" + _header())
        found: dict[str, list[Scores]] = {}
        parts = [(share, seed) for share in options.shares for seed in options.seeds]
        for share, seed in progress(parts, len(parts), "part"):
            tables = part_of(parameters, run, share, seed)
            for task, clips, scores in compared(parameters, run, tables):
                found.setdefault(task, []).append(scores)
                say(f"{share:6.2f}{seed:5}{clips:7}  {task:10}{_row(scores)}")
        for task, all_scores in found.items():
            say(_summary(task, all_scores))


def part_of(parameters: Parameters, run: str, share: float, seed: int) -> RunTables:
    """A share of the speakers with a split of their own."""
    table = Path(f"data/features/{parameters.run(run).features}.parquet")
    clip_ids, names, features = read_features(table)
    recordings = read_table(Path("data/recordings.parquet"))
    speakers = np.unique(recordings["speaker"].to_numpy(str))
    drawn = np.random.default_rng(seed).permutation(speakers)[: round(share * len(speakers))]
    recordings = recordings[recordings["speaker"].isin(drawn)].reset_index(drop=True)
    split = assign(recordings, replace(parameters.split, method="balanced", seed=seed))
    splits = pd.DataFrame({"clip_id": recordings["clip_id"], "split": split})
    kept = np.flatnonzero(np.isin(clip_ids, recordings["clip_id"].to_numpy(str)))
    return RunTables(
        [clip_ids[row] for row in kept], names, features[kept], origin_of(table), recordings, splits
    )


def trained(parameters: Parameters, run: str, tables: RunTables) -> tuple[Model, Prepared]:
    """The model of a run for one part."""
    options, config = parameters.run(run), parameters.recipe(run)
    architecture = parameters.architecture(run)
    prepared = prepare(
        tables.recordings, tables.splits, tables.clip_ids, tables.features, parameters.tasks_of(run), config
    )
    networks = train_run(
        prepared.data, architecture, config, parameters.compute, tables.origin, options.features
    )
    in_order = in_order_of_seeds(networks, config)
    return model_of(run, options, tables, prepared, architecture, config, in_order), prepared


def compared(parameters: Parameters, run: str, tables: RunTables) -> Iterator[tuple[str, int, Scores]]:
    """Task, labelled training clips, and the scores of run and peers with the run's gain over each peer."""
    model, prepared = trained(parameters, run, tables)
    clips = join_clips(tables.recordings, tables.splits, tables.clip_ids)
    rows = {split: (clips["split"] == split).to_numpy() for split in SPLITS}
    table = np.asarray(tables.features)
    inputs = fit_scaling("standard", table[rows["train"]])(table).astype(np.float64)
    _, features, speakers = tables.of_split("test")
    by_seed = model.predict(features, speakers)
    for name, task in model.tasks.items():
        classes = prepared.classes.get(name, ())
        truth = targets_of(task, clips, classes)
        known = {split: rows[split] & labelled(truth) for split in SPLITS}
        of_test = known["test"][rows["test"]]
        of_seeds = np.stack([by_seed[seed][name][of_test] for seed in model.seeds])
        ours = of_seeds.mean(axis=0, dtype=np.float64)
        predictions = {"run": ours, **peers(task, inputs, truth, known, len(classes))}
        sampling = Sampling.of(clips[known["test"]], parameters.evaluate)
        sums = {
            who: sampling.sums(task.score, truth[known["test"]], [values])
            for who, values in predictions.items()
        }
        scores = {who: sampling.estimate(task.score, of_one).value for who, of_one in sums.items()}
        for peer in PEERS:
            gain = sampling.difference(task.score, sums[peer], sums["run"])
            scores |= {f"{peer} gain": gain.value, f"{peer} low": gain.low, f"{peer} high": gain.high}
        yield name, int(known["train"].sum()), scores


def peers(
    task: Task, inputs: np.ndarray, truth: np.ndarray, known: Mapping[str, np.ndarray], classes: int
) -> dict[str, np.ndarray]:
    """Peer → its predictions [n, outputs] of the labelled test clips."""
    parts = {split: inputs[rows] for split, rows in known.items()}
    truths = {split: truth[rows] for split, rows in known.items()}
    constant = naive_prediction(truths["train"], classes or len(task.columns))
    if METRICS[task.score].in_label_units:
        constant = best_constant(task, truths["train"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return {
            "naive": np.tile(constant, (len(parts["test"]), 1)),
            "ridge": ridge(task, parts, truths, classes),
            "linear SVM": svm(task, parts, truths, classes),
        }


def _header() -> str:
    return "".join(f"{peer:>12}{'gain (95 % interval)':>26}" for peer in PEERS)


def _row(scores: Scores) -> str:
    text = f"{scores['run']:8.3f}"
    for peer in PEERS:
        gain, low, high = (scores[f"{peer} {part}"] for part in ("gain", "low", "high"))
        text += f"{scores[peer]:12.3f}{gain:+8.3f} ({low:+.3f} to {high:+.3f}){'*' if high < 0 else ' '}"
    return text


def _summary(task: str, all_scores: Sequence[Scores]) -> str:
    """Means over the parts."""
    text = f"mean over {len(all_scores):2} parts  {task:10}{np.mean([one['run'] for one in all_scores]):8.3f}"
    for peer in PEERS:
        gains = np.array([one[f"{peer} gain"] for one in all_scores])
        error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.nan
        text += f"{np.mean([one[peer] for one in all_scores]):12.3f}{gains.mean():+8.3f} ± {error:.3f}{'':11}"
    return text


if __name__ == "__main__":
    guarded(main)
