"""The paper's network: hard parameter sharing (Caruana, 1997; paper, section 3.2 and figure 2).

A trunk that all tasks share, of fully connected layers with layer normalization and Leaky ReLU, and for
each task a head of its own. A single-task network is the same with one task and a head without
hidden layers.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from stages.core.options import Architecture
from stages.core.tasks import Task


class Network(nn.Module):
    """Trunk and heads; ``forward`` gives each task's outputs before sigmoid or softmax.

    Args:
        inputs: number of features, d.
        outputs: task → number of outputs (label columns of a regression, classes of a classification).
        architecture: widths and dropout.

    >>> architecture = Architecture(joint=True, trunk=(128, 64), head=(32,))
    >>> network = Network(88, {"emotion": 10, "age": 1}, architecture)
    >>> {task: tuple(values.shape) for task, values in network(torch.zeros(8, 88)).items()}
    {'emotion': (8, 10), 'age': (8, 1)}
    """

    def __init__(self, inputs: int, outputs: Mapping[str, int], architecture: Architecture) -> None:
        super().__init__()
        layers: list[nn.Module] = (
            [nn.Dropout(architecture.input_dropout)] if architecture.input_dropout else []
        )
        for width in architecture.trunk:
            layers += [nn.Linear(inputs, width), nn.LayerNorm(width), nn.LeakyReLU()]
            layers += [nn.Dropout(architecture.dropout)] if architecture.dropout else []
            inputs = width
        self.trunk = nn.Sequential(*layers)
        self.heads = nn.ModuleDict(
            {task: _head(inputs, architecture.head, size) for task, size in outputs.items()}
        )

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """float [n, d] → task → float [n, outputs]."""
        shared = self.trunk(features)
        return {task: head(shared) for task, head in self.heads.items()}


def _head(inputs: int, widths: tuple[int, ...], outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.LeakyReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def activated(task: Task, output: Tensor) -> Tensor:
    """A task's outputs as it means them: probabilities, ratings in [0, 1], or plain numbers."""
    if task.kind == "classification":
        return torch.softmax(output, dim=-1)
    return torch.sigmoid(output) if task.output == "sigmoid" else output
