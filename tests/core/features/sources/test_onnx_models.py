"""ONNX models of one or two operations, whose output is known to the bit."""

from pathlib import Path

import numpy as np
import pytest

from stages.core.config.sources import OnnxSource
from stages.core.features.sources.source import Extractor, SourceError, open_source
from stages.core.runtime.errors import UnusableClipError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper  # noqa: E402

FLOAT, DOUBLE, HALF = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16
SAMPLES = np.array([-32768, 12345, 3, -1, 32767, 100] * 400, np.int16)
WAVE = SAMPLES.astype(np.float64) / 32768


def write_model(
    path: Path,
    nodes: list[tuple[str, list[str], str]],
    shape: list[int | str | None],
    kind: int = FLOAT,
    others: dict[str, list[int | str | None]] | None = None,
    constants: dict[str, list[int]] | None = None,
) -> Path:
    """A model of ``wave`` (and others) whose outputs are those of the nodes: operator, inputs, output."""
    inputs = [helper.make_tensor_value_info("wave", kind, shape)]
    inputs += [helper.make_tensor_value_info(name, FLOAT, own) for name, own in (others or {}).items()]
    known = [
        helper.make_tensor(name, TensorProto.INT64, [len(values)], values)
        for name, values in (constants or {}).items()
    ]
    made = [
        helper.make_node(operator, taken, [output], **({"axis": 2} if operator == "Concat" else {}))
        for operator, taken, output in nodes
    ]
    graph = helper.make_graph(made, "toy", inputs, [], known)
    whole = onnx.shape_inference.infer_shapes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    )
    shapes = {value.name: value for value in whole.graph.value_info}
    whole.graph.output.extend(shapes[output] for _, _, output in nodes)
    onnx.save(whole, path)
    return path


def opened(path: Path, **options: object) -> Extractor:
    return open_source(OnnxSource(str(path), **options))


def found(path: Path, samples: np.ndarray = SAMPLES, **options: object) -> np.ndarray:
    return opened(path, **options).extract(samples).functionals


@pytest.mark.parametrize("shape", [["n"], [1, "n"], [1, 1, "n"]])
@pytest.mark.parametrize("kind", [FLOAT, DOUBLE, HALF])
def test_the_wave_is_in_units_of_full_scale(shape: list, kind: int, tmp_path: Path) -> None:
    path = write_model(tmp_path / "a.onnx", [("Neg", ["wave"], "y")], shape, kind)
    if len(shape) < 3:
        values = (-WAVE).astype({FLOAT: np.float32, DOUBLE: np.float64, HALF: np.float16}[kind])
        assert found(path, pooling="first").tolist() == [1.0]
        assert found(path, pooling="max").tolist() == [np.float32(values.max())]
        expected = np.array([values.astype(np.float64).mean(), values.astype(np.float64).std()], np.float32)
        np.testing.assert_allclose(found(path), expected, rtol=1e-6)
        assert opened(path).names == ("y_mean", "y_sd") and opened(path, pooling="max").names == ("y_max",)
        assert opened(path).frame_names == ()
    else:
        source = opened(path, pooling="mean")  # one frame of as many values as the clip has samples
        assert len(source.names) == 16_000 and source.names[:2] == ("y_0000_mean", "y_0001_mean")
        assert source.extract(SAMPLES).functionals[0] == 1


def test_frames_of_several_values_are_pooled_in_their_order(tmp_path: Path) -> None:
    nodes = [
        ("Reshape", ["wave", "pairs"], "three"),
        ("Neg", ["three"], "minus"),
        ("Concat", ["three", "minus"], "y"),
    ]
    path = write_model(tmp_path / "a.onnx", nodes, [1, "n"], constants={"pairs": [1, -1, 2]})
    frames = WAVE.reshape(-1, 2)
    frames = np.hstack([frames, -frames])
    assert opened(path, output="y").names == tuple(
        f"y_{column:04d}_{what}" for what in ("mean", "sd") for column in range(4)
    )
    expected = np.concatenate([frames.mean(axis=0), frames.std(axis=0)]).astype(np.float32)
    np.testing.assert_allclose(found(path, output="y"), expected, rtol=1e-6, atol=1e-9)
    assert found(path, output="y", pooling="first").tolist() == [-1, 12345 / 32768, 1, -12345 / 32768]
    assert opened(path, output="y", pooling="first").names[1] == "y_0001_first"
    assert len(found(path)) == 4  # of the first output
    assert len({opened(path).fingerprint, opened(path, output="y").fingerprint}) == 2


def test_a_vector_is_taken_as_it_is(tmp_path: Path) -> None:
    nodes = [("Slice", ["wave", "from", "to", "of"], "y")]
    path = write_model(
        tmp_path / "a.onnx", nodes, [1, "n"], constants={"from": [0], "to": [3], "of": [1]}
    )  # its length is not known before it runs, so that it counts as frames of one value
    assert found(path, pooling="max").tolist() == [12345 / 32768]
    graph = onnx.load(path)
    graph.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 3
    onnx.save(graph, tmp_path / "b.onnx")
    assert opened(tmp_path / "b.onnx").names == ("y_0000", "y_0001", "y_0002")
    assert found(tmp_path / "b.onnx").tolist() == [-1, 12345 / 32768, 3 / 32768]


def test_clips_that_a_model_makes_nothing_of(tmp_path: Path) -> None:
    limits = {"from": [1000], "to": [100_000], "of": [1]}
    path = write_model(
        tmp_path / "a.onnx", [("Slice", ["wave", "from", "to", "of"], "y")], [1, "n"], constants=limits
    )
    with pytest.raises(UnusableClipError, match=r"^too short: the model gives no frames of 1000 samples$"):
        found(path, SAMPLES[:1000])
    assert found(path, SAMPLES[:1001], pooling="mean").tolist() == [WAVE[1000]]
    path = write_model(tmp_path / "b.onnx", [("Log", ["wave"], "y")], [1, "n"])
    with pytest.raises(UnusableClipError, match=r"^NaN: 1 of 1 values are not finite$"):
        found(path, np.zeros(9, np.int16), pooling="max")
    with pytest.raises(UnusableClipError, match=r"^NaN: 2 of 2 values are not finite$"):
        found(path, SAMPLES)
    path = write_model(
        tmp_path / "c.onnx", [("Reshape", ["wave", "pairs"], "y")], [1, "n"], constants={"pairs": [1, -1, 2]}
    )
    with pytest.raises(UnusableClipError, match=r"^the model failed: .*[Rr]eshape"):
        found(path, SAMPLES[:3])


def test_other_inputs_get_their_constants(tmp_path: Path) -> None:
    nodes = [("Mul", ["wave", "by"], "product"), ("Add", ["product", "plus"], "y")]
    path = write_model(tmp_path / "a.onnx", nodes, [1, "n"], others={"by": [], "plus": [None, "m"]})
    constants = {"by": 0.5, "plus": 2.0}
    assert found(path, output="y", pooling="first", constants=constants).tolist() == [1.5]
    same = opened(path, output="y", input="wave", constants=constants)
    prints = {
        same.fingerprint,
        opened(path, output="y", constants={**constants, "by": 0.25}).fingerprint,
        opened(path, output="y", pooling="max", constants=constants).fingerprint,
    }
    assert len(prints) == 3
    assert same.fingerprint == opened(path, output="y", constants=constants).fingerprint
    with pytest.raises(SourceError, match=r"a\.onnx asks for plus, too; give it a value under constants\.$"):
        opened(path, input="wave", constants={"by": 0.5})


def test_the_file_and_the_version_of_onnxruntime_are_in_the_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = write_model(tmp_path / "a.onnx", [("Neg", ["wave"], "y")], [1, "n"])
    other = write_model(tmp_path / "b.onnx", [("Abs", ["wave"], "y")], [1, "n"])
    (tmp_path / "c.onnx").write_bytes(one.read_bytes())
    assert opened(one).fingerprint == opened(tmp_path / "c.onnx").fingerprint != opened(other).fingerprint
    monkeypatch.setattr(onnxruntime, "__version__", "0")
    (tmp_path / "d.onnx").write_bytes(one.read_bytes())
    assert opened(tmp_path / "d.onnx").fingerprint != opened(one).fingerprint


@pytest.mark.parametrize(
    ("shape", "kind", "message"),
    [
        ([1, 400], FLOAT, r"input wave has the shape \[1, 400\], not that of audio of any length"),
        ([1, 1, 1, "n"], FLOAT, r"input wave has the shape \[1, 1, 1, 'n'\], not that of audio"),
        ([1, "n"], TensorProto.INT16, r"input wave is of type tensor\(int16\), not tensor\(float\)"),
    ],
)
def test_models_of_something_else_are_refused(shape: list, kind: int, message: str, tmp_path: Path) -> None:
    path = write_model(tmp_path / "a.onnx", [("Identity", ["wave"], "y")], shape, kind)
    with pytest.raises(SourceError, match=message):
        opened(path)
