"""Training one network: the paper's loop (section 3.3), plain and on any device.

Batches, Adam, at most so many epochs, early stopping on validation; the weights of the best epoch are kept.
This loop is the definition: :mod:`stages.core.networks.compiled` (compiled steps) and
:mod:`stages.core.networks.vmapped` (all seeds at once, recorded as a graph on a GPU) do the same faster and
are tested against it.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks.data import MultiTaskData, SplitData, batch_size_of
from stages.core.networks.draws import Purpose, first_weights, key_of, order_of_clips
from stages.core.networks.losses import Losses, Weighting, losses_of, total_of
from stages.core.networks.network import Network, activated, dropout_masks, signed
from stages.core.networks.stopping import EarlyStopping, EpochLosses, TrainingResult
from stages.core.networks.weighting import sampling_weights_of

Batch = tuple[Tensor, dict[str, Tensor]]
"""Inputs [n, d], and task → targets, of some clips."""


def start(data: MultiTaskData, architecture: Architecture, seed: int) -> Network:
    """A network with its first weights, which the seed decides."""
    network = Network(data.train.inputs.shape[1], data.outputs, architecture)
    network.load_arrays(first_weights(data, architecture, seed))
    return network


def train_network(
    data: MultiTaskData,
    architecture: Architecture,
    config: TrainingConfig,
    seed: int,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> TrainingResult:
    """Train one network.

    Args:
        data: tasks and clips.
        architecture: the network.
        config: how to train.
        seed: decides the first weights, the order of clips and the dropout.
        device: ``cpu`` or ``cuda``.
        dtype: of weights and inputs.
    """
    torch.set_num_threads(1)  # The products are small: threads would cost more than they bring, and bits.
    network = start(data, architecture, seed).to(device, dtype)
    weighting = Weighting(data, config).to(device, dtype)
    optimizer = optimizer_of([*network.parameters(), *weighting.parameters()], config, device)
    inputs, targets = on_device(data.train, device, dtype)
    losses_by_task = losses_of(data, config, device, dtype)
    validation = on_device(data.validation, device, dtype)
    stopping = EarlyStopping(data, config)
    weights = sampling_weights_of(data, config)
    keys = torch.tensor([signed(key_of(seed, Purpose.DROPOUT))], device=device)
    step, epochs, size = torch.zeros((), dtype=torch.int64, device=device), 0, batch_size_of(data, config)
    while stopping.goes_on:
        sums = dict.fromkeys(data.tasks, 0.0)
        order = torch.from_numpy(order_of_clips(len(inputs), seed, epochs, weights))
        for batch in order.split(size):
            rows = batch.to(device)
            masks = [
                mask[0, : len(rows)]
                for mask in dropout_masks(keys, step, size, inputs.shape[1], architecture, dtype)
            ]
            step += 1
            outputs = network(inputs[rows], masks)
            losses = losses_by_task(outputs, {name: values[rows] for name, values in targets.items()})
            optimizer.zero_grad()
            total_of(weighting(losses)).backward()
            optimizer.step()
            for name, loss in losses.items():
                sums[name] += float(loss.detach()) * len(rows)
        epochs += 1
        means = {name: value / len(inputs) for name, value in sums.items()}
        end_epoch(stopping, means, network, weighting, losses_by_task, validation)
    return stopping.result()


def on_device(clips: SplitData, device: str, dtype: torch.dtype) -> Batch:
    """Inputs and targets of all clips as tensors; targets of a classification are int64."""
    targets = {
        name: torch.from_numpy(values).to(device, torch.int64 if values.ndim == 1 else dtype)
        for name, values in clips.targets.items()
    }
    return torch.from_numpy(clips.inputs).to(device, dtype), targets


def end_epoch(
    stopping: EarlyStopping,
    train_losses: Mapping[str, float],
    network: Network,
    weighting: Weighting,
    losses_by_task: Losses,
    validation: Batch,
) -> None:
    """Pass the validation clips through the network and tell ``stopping`` the results."""
    inputs, targets = validation
    with torch.no_grad():
        outputs = network(inputs)
        losses = losses_by_task(outputs, targets)
        shares = weighting(losses)
        train_shares = weighting({name: inputs.new_tensor(value) for name, value in train_losses.items()})
    predictions = {
        name: activated(task, outputs[name]).cpu().numpy() for name, task in stopping.tasks.items()
    }
    stopping.end_epoch(
        EpochLosses(train_losses, _floats(train_shares)),
        EpochLosses(_floats(losses), _floats(shares)),
        predictions,
        network.arrays,
    )


def _floats(values: Mapping[str, Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}


def optimizer_of(parameters: list[Tensor], config: TrainingConfig, device: str) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba, 2015) or AdamW (Loshchilov and Hutter, 2019), as few kernels."""
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.optimizer]
    return kind(
        parameters,
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=device in {"cpu", "cuda"},
        capturable=device == "cuda",
    )
