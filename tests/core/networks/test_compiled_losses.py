"""Compiled losses and gradients against torch's, with unlabelled clips and a constant column."""

from typing import Any

import numpy as np
import pytest
import torch

from stages.core.config.tasks import Task
from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks.compiled_losses import Labels, loss_of
from stages.core.networks.layout import layout_of
from stages.core.networks.losses import task_loss


@pytest.mark.parametrize("score", ["ccc", "mae", "rmse"])
@pytest.mark.parametrize("output", ["linear", "sigmoid"])
def test_the_loss_of_a_regression_is_torchs(score: Any, output: Any) -> None:
    task = Task("regression", ("Awe", "Fear", "Horror"), score, output=output)
    rng = np.random.default_rng(1)
    outputs, targets = rng.normal(size=(6, 3)), rng.uniform(size=(6, 3))
    targets[:, 1], targets[2] = 0.25, np.nan
    layout = layout_of(2, {"mood": 3}, Architecture(True, (4,)), {"mood": task}, "score")
    grads = np.zeros(18)
    labels = Labels(targets, np.ones(3), np.zeros(3), 0.0)
    loss = loss_of(layout.tasks[0], (outputs.ravel().copy(), 0, 3), np.arange(6), labels, 2.0, grads)
    own = torch.tensor(outputs, requires_grad=True)
    expected = task_loss(
        task, own, torch.tensor(targets), torch.ones(3), TrainingConfig(regression_loss="score")
    )
    (2.0 * expected).backward()
    assert own.grad is not None
    assert loss == pytest.approx(float(expected.detach()), rel=1e-9)
    np.testing.assert_allclose(grads.reshape(6, 3), own.grad.numpy(), rtol=1e-8, atol=1e-12)
