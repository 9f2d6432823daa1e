"""A model as ONNX: features → predictions, with the scaling and the mean over the seeds inside.

Whoever has ONNX Runtime, in whatever language, predicts without this project. What the graph does not hold is
how features are made of a recording; its metadata says it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.core.networks.calibration import SMALLEST, Calibration
from stages.core.networks.description import NetworkSummary
from stages.core.networks.forward import LEAK, NORM_EPSILON
from stages.core.networks.model import Model
from stages.core.networks.scaling import normal_quantiles
from stages.core.prediction.predicting import output_names
from stages.core.runtime.errors import UserError

if TYPE_CHECKING:
    import onnx

OPSET = 17  # the first with LayerNormalization; read by ONNX Runtime 1.12 and newer
IR_VERSION = 8
FLOAT, DOUBLE = 1, 11  # as ONNX numbers its types
INPUT = "features"


def onnx_model(model: Model, metadata: Mapping[str, str]) -> "onnx.ModelProto":
    """The graph of a model.

    Its input ``features`` is float32 [clips, d] in the order of ``feature_names``, not scaled; each task is
    an output of its name, float32 [clips, outputs]: label units, or probabilities of the classes.

    Args:
        model: all seeds of it become one graph.
        metadata: kept beside the graph, with the names of features and outputs.

    Raises:
        UserError: if the package onnx is not installed, or the model reads speakers.
    """
    if model.reads_speakers:
        raise UserError(
            f"{model.description.run} scales features by speaker, which ONNX cannot hold: a prediction "
            "depends on the speaker's other clips."
        )
    try:
        from onnx import checker, helper
    except ImportError:
        raise UserError(
            "ONNX is written by the package onnx, which is not installed; `make extras`."
        ) from None
    graph = _Graph()
    inputs, columns = _scaled(graph, model)
    seeds: dict[str, list[str]] = {task: [] for task in model.tasks}
    added = _linear(graph, model, inputs, columns)
    for network in model.networks:
        for task, output in _network(graph, model, network, inputs, columns, added).items():
            seeds[task].append(output)
    for task, outputs in seeds.items():
        graph.node("Mean", outputs, output=task)
    sizes = {INPUT: len(model.feature_names), **{task: model.description.outputs[task] for task in seeds}}
    infos = {
        name: helper.make_tensor_value_info(name, FLOAT, ["clips", size]) for name, size in sizes.items()
    }
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            model.description.run,
            [infos[INPUT]],
            [infos[task] for task in seeds],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    outputs_of = {task: list(output_names(model, task)) for task in seeds}
    names = {"feature_names": json.dumps(model.feature_names), "outputs": json.dumps(outputs_of)}
    helper.set_model_props(made, {**metadata, **names})
    checker.check_model(made, full_check=True)
    return made


def largest_difference(model: Model, serialized: bytes, features: np.ndarray) -> float:
    """How far ONNX Runtime is from the model itself.

    Args:
        model: the model.
        serialized: its graph.
        features: float32 [n, d].

    Returns:
        The largest |difference| / max(1, |prediction|) over all clips and outputs.

    Raises:
        UserError: if the package onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            "the export is checked with the package onnxruntime, which is not installed; `make extras`."
        ) from None
    session = onnxruntime.InferenceSession(serialized, providers=["CPUExecutionProvider"])
    found = dict(zip(model.tasks, session.run(list(model.tasks), {INPUT: features}), strict=True))
    by_seed = model.predict(features)
    difference = 0.0
    for task, values in found.items():
        expected = np.mean([by_seed[seed][task] for seed in model.seeds], axis=0)
        difference = max(
            difference, float((np.abs(values - expected) / np.maximum(1, np.abs(expected))).max())
        )
    return difference


class _Graph:
    """Nodes and constants as they are added; each call gives the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: np.ndarray) -> str:
        """A constant tensor."""
        from onnx import numpy_helper

        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """An operation of ONNX."""
        from onnx import helper

        output = output or f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output


def _scaled(graph: _Graph, model: Model) -> tuple[str, np.ndarray]:
    """The scaled inputs [clips, kept], and int64 [kept]: the columns that a network reads at all."""
    chosen = [model.weights.get(f"{network.name}/columns") for network in model.networks]
    chosen += [linear.columns for linear in model.linear.values()]
    known = [columns for columns in chosen if columns is not None]
    kept = np.arange(len(model.feature_names))
    if len(known) == len(chosen):
        kept = np.unique(np.concatenate(known))
    values = graph.node("Gather", [INPUT, graph.constant(kept)], axis=1)
    values = graph.node("Cast", [values], to=DOUBLE)
    scale = _standard if model.scaling.kind == "standard" else _quantile
    values = scale(graph, model.scaling.points[:, kept], values)
    return graph.node("Cast", [values], to=FLOAT), kept


def _standard(graph: _Graph, points: np.ndarray, values: str) -> str:
    mean, factor, lowest, highest = (graph.constant(row) for row in points)
    values = graph.node("Min", [graph.node("Max", [values, lowest]), highest])
    return graph.node("Mul", [graph.node("Sub", [values, mean]), factor])


def _quantile(graph: _Graph, points: np.ndarray, values: str) -> str:
    """Linear interpolation between knots as a sum over segments: rise × share that lies below."""
    levels = normal_quantiles(len(points))
    segments, width = points.shape[1], len(points) - 1
    first = np.zeros(segments)
    starts, widths, rises = (
        np.zeros((segments, width)),
        np.ones((segments, width)),
        np.zeros((segments, width)),
    )
    for column in np.flatnonzero(points[0] < points[-1]):
        knots, begin = np.unique(points[:, column], return_index=True)
        end = np.r_[begin[1:], len(points)] - 1
        heights = (levels[begin] + levels[end]) / 2  # tied values take the middle of what they span
        number = len(knots) - 1
        first[column] = heights[0]
        starts[column, :number], widths[column, :number] = knots[:-1], np.diff(knots)
        rises[column, :number] = np.diff(heights)
    zero, one = graph.constant(np.array(0.0)), graph.constant(np.array(1.0))
    values = graph.node("Unsqueeze", [values, graph.constant(np.array([2]))])
    above = graph.node("Sub", [values, graph.constant(starts)])
    share = graph.node("Clip", [graph.node("Div", [above, graph.constant(widths)]), zero, one])
    risen = graph.node("Mul", [share, graph.constant(rises)])
    total = graph.node("ReduceSum", [risen, graph.constant(np.array([2]))], keepdims=0)
    return graph.node("Add", [total, graph.constant(first)])


def _linear(graph: _Graph, model: Model, inputs: str, kept: np.ndarray) -> dict[str, str]:
    """Task → what its linear model and the naive predictor add to each network's outputs."""
    outputs = {}
    for task, linear in model.linear.items():
        blend = model.description.blend[task]
        values = graph.node("Gather", [inputs, graph.constant(np.searchsorted(kept, linear.columns))], axis=1)
        factor = np.float32(1 / blend.temperature)
        weight, bias = (graph.constant(part * factor) for part in (linear.weight, linear.bias))
        values = graph.node("Gemm", [values, weight, bias])
        if model.tasks[task].kind == "classification":
            values = graph.node("Softmax", [values], axis=1)
        values = graph.node("Mul", [values, graph.constant(np.array(blend.shares[1], np.float32))])
        if blend.center:
            naive = graph.constant(np.array(blend.center, np.float32) * np.float32(blend.shares[2]))
            values = graph.node("Add", [values, naive])
        outputs[task] = values
    return outputs


def _network(
    graph: _Graph,
    model: Model,
    network: NetworkSummary,
    inputs: str,
    kept: np.ndarray,
    added: Mapping[str, str],
) -> dict[str, str]:
    """Task → the outputs of one network, blended and calibrated, in label units."""
    architecture = model.description.architecture

    def constants(layer: str) -> list[str]:
        parts = (model.weights[f"{network.name}/{layer}.{part}"] for part in ("weight", "bias"))
        return [graph.constant(values) for values in parts]

    def linear(layer: str, values: str) -> str:
        return graph.node("Gemm", [values, *constants(layer)], transB=1)

    def active(values: str) -> str:
        return graph.node("LeakyRelu", [values], alpha=float(LEAK))

    hidden, columns = inputs, model.weights.get(f"{network.name}/columns")
    if columns is not None:
        hidden = graph.node("Gather", [inputs, graph.constant(np.searchsorted(kept, columns))], axis=1)
    for index in range(len(architecture.trunk)):
        values = [linear(f"trunk.{index}.0", hidden), *constants(f"trunk.{index}.1")]
        hidden = active(graph.node("LayerNormalization", values, epsilon=float(NORM_EPSILON)))
    outputs = {}
    for task in network.tasks:
        value, depth = hidden, len(architecture.head)
        for index in range(depth):
            value = active(linear(f"heads.{task}.{2 * index}", value))
        value = linear(f"heads.{task}.{2 * depth}", value)
        if model.tasks[task].kind == "classification":
            value = graph.node("Softmax", [value], axis=1)
        elif model.tasks[task].output == "sigmoid":
            value = graph.node("Sigmoid", [value])
        if task in added:
            share = graph.constant(np.array(model.description.blend[task].shares[0], np.float32))
            value = graph.node("Add", [graph.node("Mul", [value, share]), added[task]])
        mean, deviation = (
            graph.constant(np.array(scale, np.float32)) for scale in model.description.scales[task]
        )
        value = graph.node("Add", [graph.node("Mul", [value, deviation]), mean])
        outputs[task] = _calibrated(graph, model.description.calibration.get(task, Calibration()), value)
    return outputs


def _calibrated(graph: _Graph, calibration: Calibration, value: str) -> str:
    if calibration.temperature != 1:
        logits = graph.node(
            "Log", [graph.node("Max", [value, graph.constant(np.array(SMALLEST, np.float32))])]
        )
        temperature = graph.constant(np.array(calibration.temperature, np.float32))
        return graph.node("Softmax", [graph.node("Div", [logits, temperature])], axis=1)
    if not calibration.factor:
        return value
    factor, offset = (graph.constant(np.array(row)) for row in (calibration.factor, calibration.offset))
    value = graph.node("Cast", [value], to=DOUBLE)
    value = graph.node("Add", [graph.node("Mul", [value, factor]), offset])
    return graph.node("Cast", [value], to=FLOAT)
