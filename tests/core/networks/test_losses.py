import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from stages.core.config.tasks import Task
from stages.core.config.training import TrainingConfig
from stages.core.metrics.formulas import mae, mean_ccc
from stages.core.networks.losses import Weighting, task_loss
from stages.core.networks.weighting import naive_losses
from tests.core.networks.test_training import PROBLEM, TASKS

SCORE = TrainingConfig(regression_loss="score")
RNG = np.random.default_rng(3)
TRUTH, OUTPUT = RNG.uniform(size=(40, 2)), RNG.normal(size=(40, 2))


def loss_of(task: str, output: np.ndarray, truth: np.ndarray, config: TrainingConfig = SCORE) -> float:
    weights = torch.ones(output.shape[1], dtype=torch.float64)
    return float(task_loss(TASKS[task], torch.from_numpy(output), torch.from_numpy(truth), weights, config))


@pytest.mark.parametrize("column", ["varied", "constant", "partly labelled"])
def test_the_loss_is_the_score(column: str) -> None:
    truth = TRUTH.copy()
    if column == "constant":
        truth[:, 1] = 0.1
    if column == "partly labelled":
        truth[::3] = np.nan
    estimate = 1 / (1 + np.exp(-OUTPUT))
    assert loss_of("emotion", OUTPUT, truth) == pytest.approx(1 - mean_ccc(truth, estimate), rel=1e-12)
    ages, outputs = 30 + 5 * truth[:, :1], 30 + OUTPUT[:, :1]
    assert loss_of("age", outputs, ages) == pytest.approx(mae(ages, outputs), rel=1e-12)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_concordance_knows_no_unit(unit: float) -> None:
    valence = TASKS["emotion"].__class__("regression", ("Valence", "Arousal"), "ccc")
    output, truth, weights = torch.from_numpy(OUTPUT * unit), torch.from_numpy(TRUTH * unit), torch.ones(2)
    expected = 1 - mean_ccc(TRUTH, OUTPUT)
    assert float(task_loss(valence, output, truth, weights, SCORE)) == pytest.approx(expected, rel=1e-9)
    assert float(task_loss(valence, truth, truth, weights, SCORE)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("clips", [0, 1])
@pytest.mark.parametrize("config", [TrainingConfig(), SCORE], ids=["squared", "score"])
def test_without_a_label_to_learn_from_the_loss_is_nothing(config: TrainingConfig, clips: int) -> None:
    truth = torch.full((4, 2), torch.nan)
    truth[:clips] = 0.5
    output = torch.randn(4, 2, requires_grad=True)
    task_loss(TASKS["emotion"], output, truth, torch.ones(2), config).backward()
    assert output.grad is not None
    assert output.grad.isfinite().all()
    assert bool(output.grad.any()) == (clips == 1 and config.regression_loss == "squared")


def test_relative_losses_of_the_naive_predictor_are_one() -> None:
    naive = naive_losses(PROBLEM, TrainingConfig())
    weighting = Weighting(PROBLEM, TrainingConfig(loss_weighting="relative"))
    ages = torch.from_numpy(PROBLEM.train.targets["age"])
    counts = torch.from_numpy(np.bincount(PROBLEM.train.targets["country"])).double()
    losses = {
        "emotion": torch.tensor(naive["emotion"]),
        "country": torch.distributions.Categorical(counts).entropy(),
        "age": ((ages - ages.mean()) ** 2).mean(),
    }
    assert [float(share) for share in weighting(losses).values()] == pytest.approx([1, 1, 1])


def test_a_task_alone_needs_no_weight() -> None:
    alone = Weighting(PROBLEM.only(["age"]), TrainingConfig(loss_weighting={"age": 0}))
    assert alone({"age": torch.tensor(2.0)})["age"].item() == 2


@pytest.mark.parametrize(("kind", "age"), [("squared", 0.5), ("score", 1.0)])
def test_learnt_weights_halve_squared_errors_alone(kind: Any, age: float) -> None:
    weighting = Weighting(PROBLEM, TrainingConfig(loss_weighting="uncertainty", regression_loss=kind))
    shares = weighting({name: torch.tensor(1.0) for name in TASKS})
    assert {name: share.item() for name, share in shares.items()} == {
        "emotion": age,
        "country": 1,
        "age": age,
    }


def test_other_scores_have_the_loss_that_is_nearest_to_them() -> None:
    weights = torch.ones(2, dtype=torch.float64)
    output, truth = torch.from_numpy(OUTPUT), torch.from_numpy(TRUTH)
    tasks = {score: Task("regression", ("Valence", "Arousal"), score) for score in ("ccc", "pearson", "rmse")}
    losses = {score: float(task_loss(task, output, truth, weights, SCORE)) for score, task in tasks.items()}
    assert losses["pearson"] == losses["ccc"] == pytest.approx(1 - mean_ccc(TRUTH, OUTPUT))
    assert losses["rmse"] == pytest.approx(np.mean((TRUTH - OUTPUT) ** 2))
    rated = {"age": replace(PROBLEM.tasks["age"], score="rmse")}
    problem = replace(PROBLEM.only(["age"]), tasks=rated)
    assert naive_losses(problem, SCORE) == naive_losses(problem, TrainingConfig())


def test_the_losses_of_classes_are_the_papers_formulas() -> None:
    """Logit adjustment (Menon et al., 2021, eq. 10), focal loss (Lin et al., 2017, eq. 4), clip by clip."""
    truth, output = np.array([0, 2, 1, -1, 2]), RNG.normal(size=(5, 3))
    priors = np.array([0.7, 0.2, 0.1])
    adjusted = np.exp(output) * priors
    likelihood = adjusted[np.arange(5), truth] / adjusted.sum(axis=1)
    known, weights = truth >= 0, torch.ones(3, dtype=torch.float64)
    arguments = (TASKS["country"], torch.from_numpy(output), torch.from_numpy(truth), weights)
    found = task_loss(*arguments, TrainingConfig(class_weights="logits"), torch.from_numpy(np.log(priors)))
    assert float(found) == pytest.approx(-np.log(likelihood[known]).mean(), rel=1e-12)
    plain = np.exp(output)
    own = plain[np.arange(5), truth] / plain.sum(axis=1)
    found = task_loss(*arguments, TrainingConfig(class_weights="focal"))
    assert float(found) == pytest.approx(-((1 - own) ** 2 * np.log(own))[known].mean(), rel=1e-12)


def test_learnt_weights_are_exp_of_minus_s_and_cost_s() -> None:
    weighting = Weighting(PROBLEM, TrainingConfig(loss_weighting="uncertainty", regression_loss="score"))
    assert weighting.log_variances is not None
    weighting.log_variances.data = torch.tensor([0.0, math.log(2), -math.log(4)])
    losses = dict(zip(PROBLEM.tasks, torch.tensor([3.0, 5.0, 7.0]), strict=True))
    shares = [share.item() for share in weighting(losses).values()]
    assert shares == pytest.approx([3.0, 2.5 + math.log(2), 28 - math.log(4)], rel=1e-6)
