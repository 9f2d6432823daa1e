"""All scores in one place: ``python -m stages.summarize``; with ``--print`` it prints them instead.

Reads data/scores and data/predictions of the runs in params.yaml, the labels and splits, and
metrics/corpus.json. Writes metrics/scores.json (for ``dvc metrics``), details.json (every figure),
comparison.json (single-task against multi-task networks) and paper.json (the paper's tables beside ours).
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.command import guarded
from stages.core.config.load import Parameters, load
from stages.core.config.tasks import Task
from stages.core.config.training import TrainingConfig
from stages.core.dataset.labels import classes_of, labelled, targets_of
from stages.core.runtime.console import say
from stages.core.runtime.files import read_json, write_json
from stages.core.runtime.tables import read_table
from stages.core.scoring import paper
from stages.core.scoring.comparison import differences
from stages.core.scoring.run_scores import SPLITS, number, score_of

METRICS = Path("metrics")
Json = dict[str, Any]


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(prog="python -m stages.summarize", description=__doc__)
    parser.add_argument("--print", action="store_true", help="print what metrics/ holds; compute nothing")
    only_print = parser.parse_args().print
    parameters = load()
    if not only_print:
        summarize(parameters)
        say(f"metrics/: {len(parameters.runs)} runs; `python -m stages.summarize --print` shows their scores")
        return
    details, comparison = (read_json(METRICS / name) for name in ("details.json", "comparison.json"))
    say("\n".join(line.rstrip() for line in lines_of(parameters, details, comparison)))


def summarize(parameters: Parameters) -> None:
    """Write the four files."""
    corpus = read_json(METRICS / "corpus.json")
    runs = {run: read_json(Path(f"data/scores/{run}.json")) for run in parameters.runs}
    labels = read_table(Path("data/recordings.parquet")).merge(
        read_table(Path("data/splits.parquet")), on="clip_id", validate="one_to_one"
    )
    details = {
        "corpus": {"name": corpus["name"], "synthetic": corpus["synthetic"]},
        "runs": runs,
        "naive": naive_scores(labels, parameters.tasks),
        "recipes": against_best(parameters, runs, labels),
    }
    write_json(METRICS / "scores.json", nested(runs))
    write_json(METRICS / "details.json", details)
    write_json(METRICS / "comparison.json", compare(parameters, labels))
    same = paper.is_same_corpus(corpus["name"]) and not corpus["synthetic"]
    write_json(METRICS / "paper.json", {"same_corpus": same, "rows": beside_paper(runs, same)})


def training_seconds(run: str) -> float | None:
    """How long the run trained on this machine; None if it was not trained here.

    No output of the pipeline holds it: it differs from run to run, they must not.
    """
    path = Path(f".cache/seconds/{run}.json")
    return float(read_json(path)["training"]) if path.exists() else None


def nested(runs: Mapping[str, Json]) -> Json:
    """``features.model.split.task.figure``, rounded to 4 places: what ``dvc metrics diff`` compares."""
    result: Json = {}
    for content in runs.values():
        model = result.setdefault(content["features"], {}).setdefault(content["model"], {})
        for split, figures in content["splits"].items():
            for name, task in figures["tasks"].items():
                shown = {f"{task['score']}_{key}": task[key] for key in ("mean", "sd", "low", "high")}
                rounded = {
                    key: None if value is None else round(value, 4)
                    for key, value in {task["score"]: task["value"], **shown}.items()
                }
                model.setdefault(split, {})[name] = rounded
    return result


def naive_scores(labels: pd.DataFrame, tasks: Mapping[str, Task]) -> Json:
    """What a predictor scores that never listens: the training mean, or the commonest class of training."""
    train = (labels["split"] == "train").to_numpy()
    result: Json = {split: {} for split in SPLITS}
    for name, task in tasks.items():
        classes = classes_of(task, labels[train]) if task.kind == "classification" else ()
        truth = targets_of(name, task, labels, classes)
        if not labelled(truth[train]).any():
            continue
        if task.kind == "classification":
            common = int(np.bincount(truth[train & (truth >= 0)]).argmax())
            guess, what = np.eye(len(classes))[common], f"always {classes[common]}, commonest in training"
        else:
            guess = np.nanmean(truth[train], axis=0)
            what = "always the training mean" + (f" ({guess[0]:.2f})" if len(guess) == 1 else "")
        for split in SPLITS:
            rows = (labels["split"] == split).to_numpy() & labelled(truth)
            if rows.any():
                score = score_of(task, truth[rows], np.tile(guess, (rows.sum(), 1)))
                result[split][name] = {"value": number(score), "what": what}
    return result


def compare(parameters: Parameters, labels: pd.DataFrame) -> list[Json]:
    """Single-task against multi-task networks of the same features and recipe, on the same clips."""
    names = ("single", "multi")
    return [
        {"features": parameters.runs[single].features, **row}
        for single, multi in pairs(parameters)
        for row in compare_runs(single, multi, names, parameters.tasks, parameters, labels)
    ]


def pairs(parameters: Parameters) -> Iterator[tuple[str, str]]:
    """Runs of a single-task and of a multi-task model, alike in features and in what both can choose."""

    def alike(run: str) -> tuple[str, TrainingConfig]:
        recipe = replace(parameters.recipe(run), loss_weighting="equal", target_scale="none")
        return parameters.runs[run].features, recipe

    for single in parameters.runs:
        for multi in parameters.runs:
            joint = parameters.architecture(single).joint, parameters.architecture(multi).joint
            if joint == (False, True) and alike(single) == alike(multi):
                yield single, multi


def against_best(parameters: Parameters, runs: Mapping[str, Json], labels: pd.DataFrame) -> list[Json]:
    """Each run of a recipe of its own against the best run of the common one, for each task.

    The common recipe is section ``train`` of params.yaml; its best run is the best on validation.
    """
    common = {run: content for run, content in runs.items() if parameters.recipe(run) == parameters.train}
    rows: list[Json] = []
    for run in runs:
        for name, task in parameters.tasks.items():
            scored = {
                other: content["splits"]["validation"]["tasks"].get(name, {}).get("value")
                for other, content in common.items()
            }
            known = {other: value for other, value in scored.items() if value is not None}
            if run not in common and known:
                best = (min if task.score == "mae" else max)(known, key=known.__getitem__)
                rows += compare_runs(best, run, ("common", "own"), {name: task}, parameters, labels)
    return rows


def compare_runs(
    first: str,
    second: str,
    names: tuple[str, str],
    tasks: Mapping[str, Task],
    parameters: Parameters,
    labels: pd.DataFrame,
) -> list[Json]:
    """Rows of :func:`stages.core.scoring.comparison.differences`, with each run under its name."""
    tables = [read_table(Path(f"data/predictions/{run}.parquet")) for run in (first, second)]
    rows = differences(tables[0], tables[1], names, tasks, labels, parameters.evaluate)
    return [{names[0]: first, names[1]: second, **row} for row in rows]


def beside_paper(runs: Mapping[str, Json], same_corpus: bool) -> list[Json]:
    """The paper's Tables 2 and 3, each row with ours; differences only on the paper's corpus."""
    figures = ("validation", "validation_sd", "test", "test_sd")
    rows = []
    for row in paper.ROWS:
        printed = asdict(row)
        theirs = {figure: printed.pop(figure) for figure in figures}
        ours = None
        for run in runs.values():
            of_task = [run["splits"][split]["tasks"].get(row.task) for split in SPLITS]
            if (run["features"], run["model"]) == (row.features, row.model) and any(of_task):
                found = [task if task and task["score"] == row.score else {} for task in of_task]
                ours = dict(
                    zip(figures, [task.get(key) for task in found for key in ("value", "sd")], strict=True)
                )
        difference = None
        if same_corpus and ours is not None:
            difference = {
                split: None if ours[split] is None else round(ours[split] - theirs[split], 6)
                for split in SPLITS
            }
        rows.append({**printed, "paper": theirs, "ours": ours, "difference": difference})
    return rows


def lines_of(parameters: Parameters, details: Json, comparison: list[Json]) -> Iterator[str]:
    """The scores as tables for the terminal."""
    runs = {run: details["runs"][run] for run in parameters.runs if run in details["runs"]}
    corpus, width = details["corpus"], max(map(len, [*runs, "naive"])) + 2
    yield f"Scores of the corpus {corpus['name']!r}" + (
        ": synthetic voices, so that they say nothing about people" if corpus["synthetic"] else ""
    )
    yield (
        f"The seed best on validation, ± sd over seeds, [{parameters.evaluate.confidence:.0%} interval over "
        "speakers]; last, the ensemble: the mean prediction of the seeds"
    )
    for name in parameters.tasks:
        tasks = {
            run: [content["splits"][split]["tasks"].get(name) for split in SPLITS]
            for run, content in runs.items()
        }
        known = [task for pair in tasks.values() for task in pair if task]
        if not known:
            continue
        score = known[0]["score"]
        yield f"\n{name}, {score.upper()} ({'lower' if score == 'mae' else 'higher'} is better)"
        yield f"  {'':{width}}{'validation':34}{'test':34}test, ensemble"
        for run, (validation, test) in tasks.items():
            ensemble = _figure(test["ensemble"]["value"]) if test else "–"
            yield f"  {run:{width}}{_cell(validation):34}{_cell(test):34}{ensemble}"
        naive = [details["naive"][split].get(name) for split in SPLITS]
        cells = [_figure(each and each["value"]) for each in naive]
        what = next((each["what"] for each in naive if each), "")
        yield f"  {'naive':{width}}{cells[0]:34}{cells[1]:34}{what}"
    yield "\nJoint score of ExVo (harmonic mean of CCC, UAR and 1/MAE, one task each), and cost"
    yield f"  {'':{width}}validation  test    parameters  multiply-adds  networks  epochs  seconds"
    for run, content in runs.items():
        joint = [_figure(content["splits"][split]["joint"]) for split in SPLITS]
        cost = content["cost"]
        seconds = training_seconds(run)
        yield (
            f"  {run:{width}}{joint[0]:12}{joint[1]:8}{cost['parameters']:10,}{cost['multiply_adds']:15,}"
            f"{cost['networks']:10}{cost['epochs']:8}"
            f"{'–' if seconds is None else format(seconds, '.0f'):>9}"
        )
    yield from _difference_lines("Multi-task against single-task networks", "single", "multi", comparison)
    yield from _difference_lines(
        "Recipes of their own against the common one's best run", "common", "own", details["recipes"]
    )


def _difference_lines(title: str, first: str, second: str, rows: list[Json]) -> Iterator[str]:
    rows = [row for row in rows if row["split"] == "test" and row["p"] is not None]
    if rows:
        yield f"\n{title}: mean over seeds on test (positive: better)"
    width = max((len(row[first]) + len(row[second]) for row in rows), default=0) + 5
    for row in rows:
        pair, ends = f"{row[second]} – {row[first]}", f"[{row['low']:+.4f}, {row['high']:+.4f}]"
        yield f"  {pair:{width}}{row['task']:12}{row['difference']:+.4f} {ends:22} p = {row['p']:.3f}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _cell(task: Json | None) -> str:
    if task is None or task["value"] is None:
        return "–"
    sd = "" if task["sd"] is None else f" ±{task['sd']:.4f}"
    ends = "" if task["low"] is None else f" [{task['low']:.4f}, {task['high']:.4f}]"
    return f"{task['value']:.4f}{sd}{ends}"


if __name__ == "__main__":
    guarded(main)
