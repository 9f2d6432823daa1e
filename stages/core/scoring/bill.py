"""What single-task and multi-task networks cost until they reach the same score (the paper's section 4.2)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from stages.core.metrics.metric import METRICS
from stages.core.scoring.run_groups import Pair
from stages.core.scoring.run_scores import RunScores, rounded

TOGETHER = "all tasks"


@dataclass(frozen=True)
class Reaching:
    """What a run spends until it reaches a score on validation, over its seeds.

    Attributes:
        epochs: mean; of several networks per seed their sum.
        epochs_sd: standard deviation over seeds; None for a single seed.
        multiply_adds: mean of the training's, forward and backward.
        multiply_adds_sd: their standard deviation.
        share: of the multiply-adds of the run's whole training.
    """

    epochs: float
    epochs_sd: float | None
    multiply_adds: float
    multiply_adds_sd: float | None
    share: float


@dataclass(frozen=True)
class BillRow:
    """The bill of a multi-task run (the candidate) beside that of a single-task run (the baseline).

    Attributes:
        task: a task, or all tasks.
        target: the score to reach: the best that every seed of both runs reaches; None for all tasks.
        baseline: name of the single-task run.
        candidate: name of the multi-task run.
        baseline_cost: of the networks of the task.
        candidate_cost: of the joint network.
        ratio: the candidate's multiply-adds over the baseline's.
    """

    task: str
    target: float | None
    baseline: str
    candidate: str
    baseline_cost: Reaching
    candidate_cost: Reaching
    ratio: float


def bill(pairs: Iterable[Pair], runs: Mapping[str, RunScores], curves: pd.DataFrame) -> list[BillRow]:
    """The bills of pairs of runs: each task, then all tasks.

    A joint network serves all tasks at once. For all tasks it is trained until each of them has been at its
    target; the single-task networks are trained one after another.

    Args:
        pairs: a run with a network per task, and one with a joint network.
        runs: run → its scores and cost.
        curves: run, seed, epoch, split, task and score of all runs.
    """
    scored = curves[(curves["split"] == "validation") & curves["score"].notna()]
    of_runs = dict(list(scored.groupby("run", sort=False)))
    found: list[BillRow] = []
    for pair in pairs:
        sides = [pair.baseline, pair.candidate]
        if not all(side in of_runs for side in sides):
            continue
        by_task = [dict(list(of_runs[side].groupby("task", sort=False))) for side in sides]
        tasks = [task for task in by_task[0] if task in by_task[1] and task in _scores(runs[pair.baseline])]
        reached: list[dict[str, pd.Series]] = [{}, {}]
        for task in tasks:
            sign = METRICS[_scores(runs[pair.baseline])[task]].gain(0.0, 1.0)
            skills = [(sign * part[task]["score"], part[task]) for part in by_task]
            target = min(skill.groupby(rows["seed"]).max().min() for skill, rows in skills)
            for epochs, (skill, rows) in zip(reached, skills, strict=True):
                epochs[task] = rows[skill >= target].groupby("seed")["epoch"].min()
            costs = [
                _reaching([epochs[task]], [runs[name].cost.epoch[task]], of_runs[name], runs[name])
                for name, epochs in zip(sides, reached, strict=True)
            ]
            found.append(_row(task, rounded(sign * target), pair, costs))
        if len(tasks) > 1:
            alone = _reaching(
                list(reached[0].values()),
                [runs[pair.baseline].cost.epoch[task] for task in tasks],
                of_runs[pair.baseline],
                runs[pair.baseline],
            )
            latest = pd.concat(list(reached[1].values()), axis=1).max(axis=1)
            joint = runs[pair.candidate].cost.epoch[tasks[0]]
            together = _reaching([latest], [joint], of_runs[pair.candidate], runs[pair.candidate])
            found.append(_row(TOGETHER, None, pair, [alone, together]))
    return found


def _scores(run: RunScores) -> dict[str, str]:
    """Task → the metric by which it is judged."""
    return {name: task.score for name, task in run.splits["validation"].tasks.items()}


def _reaching(
    epochs: Sequence[pd.Series], prices: Sequence[int], curves: pd.DataFrame, run: RunScores
) -> Reaching:
    """The cost over seeds of some networks.

    Args:
        epochs: of each network, seed → epochs that it needs.
        prices: multiply-adds of an epoch of each.
        curves: of the run, for all that its training cost.
        run: the same run's costs.
    """
    by_network = pd.concat(epochs, axis=1)
    total = by_network.sum(axis=1, skipna=False)
    spent = (by_network * prices).sum(axis=1, skipna=False)
    lengths = curves.groupby(["task", "seed"], sort=False)["epoch"].max()
    trained = {task: int(lengths[task].sum()) for task in run.cost.epoch if task in lengths}
    whole = sum(count * run.cost.epoch[task] for task, count in trained.items())
    if run.cost.networks == curves["seed"].nunique():  # one network learns all tasks
        whole //= max(len(trained), 1)
    return Reaching(
        round(float(total.mean()), 6),
        rounded(total.std()),
        round(float(spent.mean()), 6),
        rounded(spent.std()),
        round(float(spent.sum()) / whole, 6),
    )


def _row(task: str, target: float | None, pair: Pair, costs: Sequence[Reaching]) -> BillRow:
    ratio = round(costs[1].multiply_adds / costs[0].multiply_adds, 6)
    return BillRow(task, target, pair.baseline, pair.candidate, costs[0], costs[1], ratio)
