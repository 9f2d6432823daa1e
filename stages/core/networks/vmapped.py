"""Training the networks of all seeds at once, each with its own order of clips and its own stopping.

Their weights lie on a leading axis, and ``torch.vmap`` makes of the step of one network the step of all. So a
kernel works for several networks. On a GPU, where a step takes less time than it takes Python to ask for
it, the step is recorded once as a graph and then replayed. The plain loop of
:mod:`stages.core.networks.training` is the definition: this one is tested to follow it, dropout included.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks.data import MultiTaskData, batch_size_of
from stages.core.networks.draws import Purpose, key_of, order_of_clips
from stages.core.networks.losses import Weighting, losses_of, total_of
from stages.core.networks.network import Network, dropout_masks, signed
from stages.core.networks.stopping import EarlyStopping, TrainingResult
from stages.core.networks.training import end_epoch, on_device, optimizer_of, start
from stages.core.networks.weighting import sampling_weights_of

_WARM_UP = 3  # steps before a graph is recorded, in which libraries choose and load their kernels


def train_networks(
    data: MultiTaskData,
    architecture: Architecture,
    config: TrainingConfig,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> list[TrainingResult]:
    """Train one network per seed.

    Args:
        data: tasks and clips.
        architecture: the networks.
        config: how to train; its seeds decide first weights, orders of clips and dropout.
        device: ``cpu`` or ``cuda``.
        dtype: of weights and inputs.

    Returns:
        What :func:`stages.core.networks.training.train_network` gives for each seed.
    """
    torch.set_num_threads(1)
    networks = [start(data, architecture, seed).to(device, dtype) for seed in config.seeds]
    weightings = [Weighting(data, config).to(device, dtype) for _ in networks]
    stack = Stack(data, architecture, config, networks, weightings, device, dtype)
    step = recorded(stack) if device == "cuda" else stack.step
    validation = on_device(data.validation, device, dtype)
    losses_by_task = losses_of(data, config, device, dtype)
    stoppings = [EarlyStopping(data, config) for _ in networks]
    weights, epochs = sampling_weights_of(data, config), 0
    while any(stopping.goes_on for stopping in stoppings):
        orders = [order_of_clips(len(data.train), seed, epochs, weights) for seed in config.seeds]
        epochs += 1
        for rows in stack.batches([torch.from_numpy(order) for order in orders]):
            stack.rows.copy_(rows)
            step()
        stack.unstack(networks, weightings)
        for means, network, weighting, stopping in zip(
            stack.end_epoch(), networks, weightings, stoppings, strict=True
        ):
            if stopping.goes_on:
                end_epoch(stopping, means, network, weighting, losses_by_task, validation)
    return [stopping.result() for stopping in stoppings]


class Stack:
    """Networks on a leading axis, and all that a step reads and writes, at fixed addresses.

    Args:
        data: tasks and clips.
        architecture: the networks.
        config: how to train.
        networks: one per seed, with their first weights.
        weightings: one per network.
        device: where they are.
        dtype: of weights and inputs.

    Attributes:
        inputs: [n, d] of the training clips.
        rows: int64 [networks, batch], the clips of the next step; n stands for none.
    """

    def __init__(
        self,
        data: MultiTaskData,
        architecture: Architecture,
        config: TrainingConfig,
        networks: Sequence[Network],
        weightings: Sequence[Weighting],
        device: str,
        dtype: torch.dtype,
    ) -> None:
        self.inputs, targets = on_device(data.train, device, dtype)
        self._targets = {name: _with_unlabelled_row(values) for name, values in targets.items()}
        size = batch_size_of(data, config)
        self.rows = torch.zeros(len(networks), size, dtype=torch.int64, device=device)
        keys = [signed(key_of(seed, Purpose.DROPOUT)) for seed in config.seeds]
        self._keys = torch.tensor(keys, device=device)
        self._taken = torch.zeros((), dtype=torch.int64, device=device)
        self._architecture, self._dtype = architecture, dtype
        self._sums = {
            name: torch.zeros(len(networks), dtype=torch.float64, device=device) for name in targets
        }
        self._weights, _ = stack_module_state(list(networks))
        self._variances, self._multipliers = stack_module_state(list(weightings))
        self._optimizer = optimizer_of([*self._weights.values(), *self._variances.values()], config, device)
        losses_by_task = losses_of(data, config, device, dtype)

        def total(
            weights: dict[str, Tensor],
            weighing: dict[str, Tensor],
            inputs: Tensor,
            targets: Mapping[str, Tensor],
            masks: Sequence[Tensor],
        ) -> tuple[Tensor, dict[str, Tensor]]:
            """The total loss of one network's batch, and the losses of its tasks."""
            losses = losses_by_task(functional_call(networks[0], weights, (inputs, masks)), targets)
            return total_of(functional_call(weightings[0], weighing, (losses,))), losses

        self._totals = torch.vmap(total)

    def step(self) -> None:
        """Train each network with its rows; no value of a tensor is asked for."""
        inputs = self.inputs[self.rows.clamp(max=len(self.inputs) - 1)]
        targets = {name: values[self.rows] for name, values in self._targets.items()}
        weighing = {**self._variances, **self._multipliers}
        masks = dropout_masks(
            self._keys, self._taken, self.rows.shape[1], inputs.shape[2], self._architecture, self._dtype
        )
        self._taken += 1
        totals, losses = self._totals(self._weights, weighing, inputs, targets, masks)
        self._optimizer.zero_grad()
        totals.sum().backward()
        self._optimizer.step()
        clips = (self.rows < len(self.inputs)).sum(dim=1)
        for name, loss in losses.items():
            self._sums[name] += loss.detach().double() * clips

    def batches(self, orders: Sequence[Tensor]) -> Iterator[Tensor]:
        """Rows of each step of an epoch; the last are filled up."""
        rows = torch.stack(list(orders))
        size = self.rows.shape[1]
        rest = -rows.shape[1] % size
        rows = nn.functional.pad(rows, (0, rest), value=len(self.inputs)).to(self.rows.device)
        yield from rows.split(size, dim=1)

    def end_epoch(self) -> Iterator[dict[str, float]]:
        """Task → mean loss of the epoch, for each network; the sums start again at 0."""
        sums = {name: values.tolist() for name, values in self._sums.items()}
        for values in self._sums.values():
            values.zero_()
        for index in range(len(self.rows)):
            yield {name: values[index] / len(self.inputs) for name, values in sums.items()}

    def unstack(self, networks: Iterable[nn.Module], weightings: Iterable[nn.Module]) -> None:
        """Give each network its weights, and each weighting what it learnt."""
        for stacked, modules in ((self._weights, networks), (self._variances, weightings)):
            for index, module in enumerate(modules):
                module.load_state_dict(
                    {name: values[index] for name, values in stacked.items()}, strict=False
                )

    def changed(self) -> list[Tensor]:
        """All that a step writes: weights, sums and, once a step was taken, the optimizer's moments."""
        moments = [value for state in self._optimizer.state.values() for value in state.values()]
        learnt = [*self._weights.values(), *self._variances.values()]
        return [*learnt, self._taken, *self._sums.values(), *moments]


def _with_unlabelled_row(targets: Tensor) -> Tensor:
    """Targets with one more row, which stands for no clip."""
    nothing = targets.new_full((1, *targets.shape[1:]), float("nan") if targets.is_floating_point() else -1)
    return torch.cat([targets, nothing])


def recorded(stack: Stack) -> Callable[[], None]:
    """The stack's step as a CUDA graph, to be called instead: one launch instead of one for each kernel."""
    before = [values.detach().clone() for values in stack.changed()]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(_WARM_UP):
            stack.step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        stack.step()
    with torch.no_grad():
        changed = stack.changed()
        for values, first in zip(changed, before, strict=False):
            values.copy_(first)
        for values in changed[len(before) :]:
            values.zero_()
    return graph.replay
