"""Training one network: the paper's loop (section 3.3), plain and on any device.

Batches, Adam, at most so many epochs, early stopping on validation; the weights of the best epoch are kept.
This loop is the definition: :mod:`stages.core.networks.compiled` (compiled steps) and
:mod:`stages.core.networks.vmapped` (all seeds at once, recorded as a graph on a GPU) do the same faster and
are tested against it.
"""

import threading
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks.data import MultiTaskData, batch_of, on_device
from stages.core.networks.losses import Weighting, losses_of, naive_losses, total_of
from stages.core.networks.network import Network, dropout_masks
from stages.core.networks.stopping import EarlyStopping, TrainingResult

_DRAWING = threading.Lock()  # torch's layers draw their first weights from the one generator of the process


def start(problem: MultiTaskData, architecture: Architecture, recipe: TrainingConfig, seed: int) -> Network:
    """A network with its first weights, drawn from the seed alone; linear outputs may start at a mean."""
    with _DRAWING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(problem.train.inputs.shape[1], problem.outputs, architecture)
    for name, task in problem.tasks.items():
        if recipe.output_bias == "mean" and task.kind == "regression" and task.output == "linear":
            mean = np.nan_to_num(np.nanmean(problem.train.targets[name], axis=0))
            with torch.no_grad():
                network.get_parameter(f"heads.{name}.{2 * len(architecture.head)}.bias").copy_(
                    torch.from_numpy(mean)
                )
    return network


def fit(
    problem: MultiTaskData,
    architecture: Architecture,
    recipe: TrainingConfig,
    seed: int,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> TrainingResult:
    """Train one network.

    Args:
        problem: tasks and clips.
        architecture: the network.
        recipe: how to train.
        seed: decides the first weights, the order of clips and the dropout.
        device: ``cpu`` or ``cuda``.
        dtype: of weights and inputs.
    """
    torch.set_num_threads(1)  # The products are small: threads would cost more than they bring, and bits.
    network = start(problem, architecture, recipe, seed).to(device, dtype)
    weighting = Weighting(problem.tasks, recipe, naive_losses(problem, recipe)).to(device, dtype)
    optimizer = optimizer_of([*network.parameters(), *weighting.parameters()], recipe, device)
    inputs, targets = on_device(problem.train, device, dtype)
    losses_by_task = losses_of(problem, recipe, device, dtype)
    stopping = EarlyStopping(problem, recipe, on_device(problem.validation, device, dtype))
    orders, chance = order_of_clips(len(inputs), seed), torch.Generator(device).manual_seed(seed)
    size = batch_of(problem, recipe)
    while stopping.goes_on:
        sums = dict.fromkeys(problem.tasks, 0.0)
        for batch in next(orders).split(size):
            rows = batch.to(device)
            masks = dropout_masks(inputs.shape[1], architecture, size, chance, dtype)
            outputs = network(inputs[rows], [mask[: len(rows)] for mask in masks])
            losses = losses_by_task(outputs, {name: values[rows] for name, values in targets.items()})
            optimizer.zero_grad()
            total_of(weighting(losses)).backward()
            optimizer.step()
            for name, loss in losses.items():
                sums[name] += float(loss.detach()) * len(rows)
        means = {name: value / len(inputs) for name, value in sums.items()}
        weighting.end_epoch(means)
        stopping.end_epoch(means, network, weighting, losses_by_task)
    return stopping.fitted()


def order_of_clips(number: int, seed: int) -> Iterator[Tensor]:
    """A new order of the training clips for each epoch, from the seed alone."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield torch.randperm(number, generator=generator)


def optimizer_of(parameters: list[Tensor], recipe: TrainingConfig, device: str) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba, 2015) or AdamW (Loshchilov and Hutter, 2019), as few kernels."""
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimizer]
    return kind(
        parameters,
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        fused=device in {"cpu", "cuda"},
        capturable=device == "cuda",
    )
