"""What tasks share: the features that go with them, what their networks learn, the steps they ask for.

Of two tasks: how alike the families and features are that matter to both; of networks of their own, how alike
their trunks are, beside two seeds of one task and beside chance; of a joint network, whether their gradients
agree (those that point against each other are the conflicts of Yu et al., 2020).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from stages.core.networks.compiled import labels_of
from stages.core.networks.data import MultiTaskData, batch_size_of
from stages.core.networks.draws import order_of_clips
from stages.core.networks.model import Model
from stages.core.networks.weighting import sampling_weights_of
from stages.core.relevance.by_family import GIVEN_REST, WHOLE, Heard, Relevance
from stages.core.relevance.by_feature import correlations, label_columns
from stages.core.relevance.recovery import rank_correlation
from stages.core.relevance.trunks import Trunk, alignment, cosine
from stages.core.scoring import bootstrap
from stages.core.scoring.run_scores import rounded

BATCHES = 200  # of each network at most
REPLICATES = 1000


@dataclass(frozen=True)
class Shared:
    """How alike two tasks are in one respect.

    Attributes:
        measure: ``families`` and ``features``: rank correlation of relevance given the rest, and of mean
            absolute correlations with the labels; ``trunks``: linear CKA of networks of their own;
            ``gradients``: mean cosine over batches; ``conflicts``: share of batches whose cosine is below 0.
        first: a task.
        second: another, or the same where two seeds are compared.
        value: the measure.
        low: lower end of its interval; None where there is none.
        high: upper end.
        floor: what exchanged clips give; None where it is not asked.
    """

    measure: str
    first: str
    second: str
    value: float | None
    low: float | None = None
    high: float | None = None
    floor: float | None = None


def shared_features(relevance: Sequence[Relevance], features: np.ndarray, heard: Heard) -> Iterator[Shared]:
    """Overlap of what matters to each pair of tasks.

    Args:
        relevance: of all families.
        features: float32 [n, d] of the clips that are looked at.
        heard: the tasks.
    """
    whole = {
        task: [
            row.value or 0.0
            for row in relevance
            if (row.kind, row.task, row.part, row.group) == (GIVEN_REST, task, WHOLE, "")
        ]
        for task in heard.asked
    }
    profile = {
        task: np.abs(correlations(features, label_columns(asked))).mean(axis=1)
        for task, asked in heard.asked.items()
    }
    for first, second in combinations(heard.asked, 2):
        yield Shared("families", first, second, rounded(rank_correlation(whole[first], whole[second])))
        found = rank_correlation(profile[first].tolist(), profile[second].tolist())
        yield Shared("features", first, second, rounded(found))


def shared_trunks(model: Model, inputs: np.ndarray, heard: Heard) -> Iterator[Shared]:
    """Likeness of the trunks of networks of one task each, mean over pairs of networks.

    Args:
        model: a run with a network for each task.
        inputs: float32 [n, d], scaled features of the clips that are looked at.
        heard: the speakers of these clips.
    """
    outputs: dict[str, list[np.ndarray]] = {}
    for network in model.networks:
        outputs.setdefault(network.tasks[0], []).append(Trunk(model, network).outputs(inputs))
    rows = heard.exchanges(5, 1)[0]
    for task, found in outputs.items():
        pairs = list(combinations(found, 2))
        if pairs:
            yield _alike(task, task, pairs, rows)
    for first, second in combinations(outputs, 2):
        yield _alike(first, second, list(product(outputs[first], outputs[second])), rows)


def _alike(
    first: str, second: str, pairs: Sequence[tuple[np.ndarray, np.ndarray]], rows: np.ndarray
) -> Shared:
    values = [alignment(one, other) for one, other in pairs]
    floor = [alignment(one, other[rows]) for one, other in pairs]
    low, high = (rounded(min(values)), rounded(max(values)))
    return Shared("trunks", first, second, rounded(np.mean(values)), low, high, rounded(np.mean(floor)))


def shared_gradients(model: Model, data: MultiTaskData, heard: Heard) -> Iterator[Shared]:
    """Agreement of the tasks' gradients at the trained weights of joint networks, over batches of training.

    The batches are those of the first epoch.

    Args:
        model: a run with a network for all tasks.
        data: what it learnt from.
        heard: seed and confidence of the bootstrap over batches.
    """
    config = model.description.training
    labels, sampling = labels_of(data, data.train, config), sampling_weights_of(data, config)
    found: dict[tuple[str, str], list[float]] = {}
    for network in model.networks:
        trunk, size = Trunk(model, network), batch_size_of(data, config)
        order = order_of_clips(len(data.train), network.seed, 0, sampling)
        for start in range(0, min(len(order), BATCHES * size), size):
            rows = order[start : start + size]
            gradients = trunk.gradients(
                data.train.inputs[rows], labels._replace(targets=labels.targets[rows])
            )
            for pair in combinations(network.tasks, 2):
                found.setdefault(pair, []).append(cosine(gradients[pair[0]], gradients[pair[1]]))
    rng = np.random.default_rng([heard.sampling.options.seed, 6])
    for (first, second), cosines in found.items():
        values = np.array(cosines)[~np.isnan(cosines)]
        if not len(values):
            continue
        drawn = rng.integers(0, len(values), (REPLICATES, len(values)))
        for measure, of_batches in (("gradients", values), ("conflicts", (values < 0).astype(float))):
            ends = bootstrap.interval(of_batches[drawn].mean(axis=1), heard.sampling.options.confidence)
            yield Shared(
                measure, first, second, rounded(of_batches.mean()), *(rounded(float(end)) for end in ends)
            )
