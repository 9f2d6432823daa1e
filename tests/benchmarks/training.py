"""Training against a plain PyTorch loop: ``python -m tests.benchmarks.training [COLUMNS …]``.

For each feature set's width (88, 2,000 and 6,373 columns unless others are given) it trains one epoch of
20,000 random clips in batches of 8: the paper's networks by the plain loop
(fused Adam, no data loader) on one thread and on all, and by the compiled steps on one thread, and network
by network on all threads, as the train stage does; where there is a GPU, all seeds at once there, too.
Ratios are of times a network within this run. At the end stands what the paper's 45 trainings of 20
epochs would take on HUME-VB's size.
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch

from stages.core.config.tasks import Task
from stages.core.config.training import Architecture, TrainingConfig
from stages.core.networks import compiled, training, vmapped
from stages.core.networks.data import MultiTaskData, SplitData
from stages.core.runtime.compute import ComputeOptions
from stages.core.runtime.console import say

CLIPS, SAMPLE = 20_000, 4_000
HUME_STEPS = -(-19_990 // 8)
EPOCHS, SEEDS = 20, 3
RELEASED = {88: 147.0, 6373: 320.0}  # ms a step of the authors' released loop, measured on two cores
TASKS = {
    "emotion": Task("regression", tuple("abcdefghij"), "ccc", scale="row-max", output="sigmoid"),
    "country": Task("classification", ("Country",), "uar"),
    "age": Task("regression", ("Age",), "mae"),
}
MODELS = {
    "stl": Architecture(joint=False, trunk=(128, 64)),
    "mtl1": Architecture(joint=True, trunk=(64,), head=(32,)),
    "mtl2": Architecture(joint=True, trunk=(128, 64), head=(32,)),
    "mtl3": Architecture(joint=True, trunk=(256, 128, 64), head=(32,)),
}
RUNS = {88: ["stl"], 2000: list(MODELS), 6373: list(MODELS)}  # of the paper
RECIPE = TrainingConfig(epochs=1)
# The regularized networks, which read at most 1,000 columns.
REGULARIZED = {
    "stl": Architecture(joint=False, trunk=(256, 128), dropout=0.5, input_dropout=0.2),
    "mtl": Architecture(joint=True, trunk=(256,), head=(64,), dropout=0.5, input_dropout=0.2),
}
REGULARIZED_COLUMNS = (88, 1000)
REGULARIZED_RECIPE = TrainingConfig(
    optimizer="adamw",
    weight_decay=0.01,
    batch_size=32,
    epochs=1,
    monitor="score",
    regression_loss="score",
    class_weights="balanced",
    label_smoothing=0.05,
)


def examples(number: int, columns: int, seed: int) -> SplitData:
    """Random clips with all labels."""
    rng = np.random.default_rng(seed)
    targets = {
        "emotion": rng.random((number, 10)),
        "country": rng.integers(0, 4, number),
        "age": rng.uniform(20.0, 40.0, (number, 1)),
    }
    return SplitData(rng.standard_normal((number, columns), np.float32), targets)


def jobs_of(problem: MultiTaskData, architecture: Architecture) -> list[MultiTaskData]:
    """One network a seed, or a seed and task."""
    groups = [list(TASKS)] if architecture.joint else [[name] for name in TASKS]
    return [problem.only(group) for group in groups for _ in range(SEEDS)]


def plain(problems: list[MultiTaskData], architecture: Architecture, threads: int) -> float:
    """Milliseconds a step of the plain loop; a part of the epoch stands for the whole."""
    set_threads = torch.set_num_threads
    set_threads(threads)
    torch.set_num_threads = lambda _: None  # the loop itself asks for one
    try:
        return milliseconds(
            lambda: [training.train_network(problem, architecture, RECIPE, 1) for problem in problems],
            problems,
        )
    finally:
        torch.set_num_threads = set_threads


def compiled_steps(problems: list[MultiTaskData], architecture: Architecture, threads: int) -> float:
    """Milliseconds a step of the compiled loop, networks on threads."""

    def train() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda problem: compiled.train_network(problem, architecture, RECIPE, 1), problems))

    return milliseconds(train, problems)


def graph(problems: list[MultiTaskData], architecture: Architecture) -> float:
    """Milliseconds a step and network on a GPU, all seeds at once."""
    config = replace(RECIPE, seeds=tuple(range(SEEDS)))

    def train() -> None:
        for problem in problems[::SEEDS]:
            vmapped.train_networks(problem, architecture, config, "cuda")

    return milliseconds(train, problems)


def milliseconds(work: Callable[[], object], problems: list[MultiTaskData]) -> float:
    """Wall time a step and network."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3 / sum(-(-len(problem.train) // 8) for problem in problems)


def main() -> None:
    """Measure and print."""
    threads = ComputeOptions().workers
    hours = {"plain": 0.0, "compiled": 0.0, "GPU": 0.0}
    compiled.train_network(_warm_up(), MODELS["mtl1"], RECIPE, 1)
    say(f"ms a step, batch 8, {threads} threads; single: one thread each; joint: the best of each")
    say("columns model  plain 1T  plain all  ours 1T  ours all   single   joint")
    for columns in [int(word) for word in sys.argv[1:]] or list(RUNS):
        clips, validation = examples(CLIPS, columns, 1), examples(64, columns, 2)
        sample = SplitData(
            clips.inputs[:SAMPLE], {name: values[:SAMPLE] for name, values in clips.targets.items()}
        )
        outputs, scales = {"emotion": 10, "country": 4, "age": 1}, dict.fromkeys(TASKS, (0.0, 1.0))
        for name, architecture in MODELS.items():
            whole = jobs_of(MultiTaskData(TASKS, outputs, clips, validation, scales), architecture)
            part = jobs_of(MultiTaskData(TASKS, outputs, sample, validation, scales), architecture)[::SEEDS]
            one, every = (plain(part, architecture, number) for number in (1, threads))
            ours, ours_every = (compiled_steps(whole, architecture, number) for number in (1, threads))
            ratios = f"{one / ours:6.1f} ×  {min(one, every) / ours_every:6.1f} ×"
            say(f"{columns:7} {name}  {one:8.3f}  {every:9.3f}  {ours:7.3f}  {ours_every:8.3f}  {ratios}")
            on_gpu = graph(whole, architecture) if torch.cuda.is_available() else None
            if on_gpu is not None:
                say(f"        on the GPU {on_gpu:.3f}, {min(one, every) / on_gpu:.1f} ×")
            if columns in RELEASED and name == "stl":
                released = RELEASED[columns]
                say(f"        the released loop's {released:.0f} ms are {released / ours:.0f} × ours")
            if name in RUNS.get(columns, ()):
                steps = len(whole) * EPOCHS * HUME_STEPS / 3.6e6
                hours["plain"] += min(one, every) * steps
                hours["compiled"] += ours_every * steps
                hours["GPU"] += (on_gpu or 0.0) * steps
    total = {name: f"{60 * value:.1f} minutes" for name, value in hours.items()}
    say(f"the paper's trainings on HUME-VB's size: {total['compiled']}; by the plain loop {total['plain']}")
    if hours["GPU"]:
        say(f"on the GPU {total['GPU']}")


def regularized() -> None:
    """Print milliseconds per epoch of the regularized networks, validation as large as training.

    On one thread, plain and compiled, in seconds of that thread: others on the machine count less.
    """
    torch.set_num_threads(1)
    for columns in REGULARIZED_COLUMNS:
        clips, unseen = examples(SAMPLE, columns, 1), examples(SAMPLE, columns, 2)
        outputs, scales = {"emotion": 10, "country": 4, "age": 1}, dict.fromkeys(TASKS, (0.0, 1.0))
        data = MultiTaskData(TASKS, outputs, clips, unseen, scales)
        for name, architecture in REGULARIZED.items():
            part = data if architecture.joint else data.only(["emotion"])
            times = []
            for train_network in (training.train_network, compiled.train_network):
                train_network(part, architecture, REGULARIZED_RECIPE, 1)
                began = time.thread_time()
                train_network(part, architecture, REGULARIZED_RECIPE, 2)
                times.append((time.thread_time() - began) * 1e3)
            say(f"{columns:7} {name}  {times[0]:8.1f}  {times[1]:8.1f}  {times[0] / times[1]:6.1f} ×")


def _warm_up() -> MultiTaskData:
    """A problem that makes the compiler work before time is taken."""
    few = examples(16, 8, 1)
    outputs, scales = {"emotion": 10, "country": 4, "age": 1}, dict.fromkeys(TASKS, (0.0, 1.0))
    return MultiTaskData(TASKS, outputs, few, few, scales)


if __name__ == "__main__":
    main()
    say("regularized networks, batch 32, one thread: ms per epoch of the plain loop, compiled, ratio")
    regularized()
