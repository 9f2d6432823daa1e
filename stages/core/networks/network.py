"""The paper's network: hard parameter sharing (Caruana, 1997; paper, section 3.2 and figure 2).

A trunk that all tasks share, of fully connected layers with layer normalization and Leaky ReLU, and
for each task a head of its own. A single-task network is the same with one task and a
head without hidden layers.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from stages.core.config.tasks import Task
from stages.core.config.training import Architecture
from stages.core.networks.draws import FACTORS, GAMMA, SHIFTS

_HEAD = "head "  # goes before a task's name, which may be that of a method of torch.nn.ModuleDict


class Network(nn.Module):
    """Trunk and heads; ``forward`` gives each task's outputs before sigmoid or softmax.

    Args:
        inputs: number of features, d.
        outputs: task → number of outputs (label columns of a regression, classes of a classification).
        architecture: widths of the layers.

    >>> architecture = Architecture(joint=True, trunk=(128, 64), head=(32,))
    >>> network = Network(88, {"emotion": 10, "age": 1}, architecture)
    >>> {task: tuple(values.shape) for task, values in network(torch.zeros(8, 88)).items()}
    {'emotion': (8, 10), 'age': (8, 1)}
    """

    def __init__(self, inputs: int, outputs: Mapping[str, int], architecture: Architecture) -> None:
        super().__init__()
        self.trunk = nn.ModuleList(
            nn.Sequential(nn.Linear(before, width), nn.LayerNorm(width), nn.LeakyReLU())
            for before, width in pairwise([inputs, *architecture.trunk])
        )
        widths = [architecture.trunk[-1], *architecture.head]
        self.heads = nn.ModuleDict({_HEAD + task: _head(widths, size) for task, size in outputs.items()})

    def forward(self, features: Tensor, masks: Sequence[Tensor] = ()) -> dict[str, Tensor]:
        """float [n, d] → task → float [n, outputs]; ``masks`` of :func:`dropout_masks` when it trains."""
        hidden = features * masks[0] if masks else features
        for index, layer in enumerate(self.trunk, 1):
            hidden = layer(hidden)
            if masks:
                hidden = hidden * masks[index]
        return {name.removeprefix(_HEAD): head(hidden) for name, head in self.heads.items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """Copies of the weights, named as :func:`stages.core.networks.description.parameter_shapes` does."""
        return {
            name.replace(f"heads.{_HEAD}", "heads."): values.detach().cpu().numpy().copy()
            for name, values in self.state_dict().items()
        }

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over weights that :meth:`arrays` gave."""
        prefixed = {
            f"heads.{_HEAD}{name.removeprefix('heads.')}" if name.startswith("heads.") else name: values
            for name, values in arrays.items()
        }
        self.load_state_dict({name: torch.from_numpy(values) for name, values in prefixed.items()})


def _head(widths: Sequence[int], outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, width in pairwise(widths):
        layers += [nn.Linear(before, width), nn.LeakyReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))


def dropout_masks(
    keys: Tensor, step: Tensor, clips: int, inputs: int, architecture: Architecture, dtype: torch.dtype
) -> list[Tensor]:
    """The factors of dropout (Srivastava et al., 2014) for the inputs and for each layer of the trunk.

    They are counted off (:mod:`stages.core.networks.draws`), so that a network gets the same ones whatever
    trains beside it and whichever code trains it. A step takes one draw for each clip of a full batch, and
    for it one for each input and each unit of the trunk, in this order.

    Args:
        keys: int64 [networks], the keys of their streams of dropout.
        step: int64 scalar, the steps taken before.
        clips: of a full batch.
        inputs: number of features.
        architecture: the widths and rates.
        dtype: of the result.

    Returns:
        Tensors [networks, clips, width] of 0 and 1 / (1 − rate); none without dropout.
    """
    rates = [architecture.input_dropout, *[architecture.dropout] * len(architecture.trunk)]
    if not any(rates):
        return []
    widths = [inputs, *architecture.trunk]
    numbers = torch.arange(clips * sum(widths), device=keys.device) + step * (clips * sum(widths))
    drawn = _draws(keys[:, None], numbers).reshape(len(keys), clips, sum(widths))
    return [
        (part >= int(rate * 2**32)).to(dtype) / (1 - rate)
        for part, rate in zip(drawn.split(widths, dim=2), rates, strict=True)
    ]


def _draws(keys: Tensor, numbers: Tensor) -> Tensor:
    """The upper 32 bits of :func:`stages.core.networks.draws.bits`, in int64."""
    values = keys + (numbers + 1) * signed(GAMMA)
    for shift, factor in zip(SHIFTS[:2], FACTORS, strict=True):
        values = (values ^ _shifted(values, shift)) * signed(factor)
    return _shifted(values ^ _shifted(values, SHIFTS[2]), 32)


def _shifted(values: Tensor, shift: int) -> Tensor:
    """Shift to the right as if without a sign."""
    return (values >> shift) & (2 ** (64 - shift) - 1)


def signed(value: int) -> int:
    """The int64 that has the bits of a number below 2⁶⁴."""
    return value - 2**64 if value >= 2**63 else value


def activated(task: Task, output: Tensor) -> Tensor:
    """A task's outputs as it means them: probabilities, ratings in [0, 1], or plain numbers."""
    if task.kind == "classification":
        return torch.softmax(output, dim=-1)
    return torch.sigmoid(output) if task.output == "sigmoid" else output
