"""ONNX models that read raw 16 kHz audio and give a vector or frames, run by onnxruntime on one thread."""

import hashlib
from typing import Any

import numpy as np

from stages.core.config.sources import OnnxSource
from stages.core.features.extractor import Features
from stages.core.features.sources.pooling import numbered, pool, pooled_names
from stages.core.features.sources.source import (
    SourceError,
    existing_file,
    needed,
    vector_only,
)
from stages.core.runtime.errors import UnusableClipError
from stages.core.runtime.files import digest_of

RATE = 16000
_TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}


def session_of(path: str) -> Any:
    """An onnxruntime session on one thread of the processor: the same bits each time.

    Raises:
        SourceError: if onnxruntime is not installed, the file is not there, or is no ONNX model.
    """
    onnxruntime = needed("onnxruntime", "onnx", "--no-deps -r requirements-sources.txt")
    file = existing_file(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen classes of errors and no common base
        reason = " ".join(str(error).split())[:120]
        raise SourceError(f"onnxruntime cannot open {path} as a model ({reason}); export it anew") from None


class OnnxModel:
    """A model in one process.

    Raises:
        SourceError: if onnxruntime or the model is missing, or the model asks for something else than audio.
    """

    frame_names = ()

    def __init__(self, options: OnnxSource) -> None:
        import onnxruntime

        self._options = options
        self._session = session_of(options.path)
        inputs = {entry.name: entry for entry in self._session.get_inputs()}
        self._audio = self._input(inputs)
        self._dtype = self._type_of(inputs[self._audio])
        self._rank = len(inputs[self._audio].shape)
        self._constants: dict[str, np.ndarray] = {
            name: np.full(
                [1 if isinstance(size, str | None) else size for size in inputs[name].shape], value
            ).astype(self._type_of(inputs[name]))
            for name, value in options.constants.items()
        }
        outputs = [entry.name for entry in self._session.get_outputs()]
        if options.output is not None and options.output not in outputs:
            raise SourceError(
                f"{options.path} has no output {options.output}; its outputs are {', '.join(outputs)}"
            )
        self._output = options.output or outputs[0]
        shape = next(entry.shape for entry in self._session.get_outputs() if entry.name == self._output)
        self._framed = len(shape) == 3 or not isinstance(shape[-1] if shape else None, int)
        width = len(self._run(self._noise()))
        if self._framed:
            base = width // 2 if options.pooling == "mean-sd" else width
            names = (self._output,) if base == 1 else numbered(self._output, base)
            self.names = pooled_names(names, options.pooling)
        else:
            self.names = numbered(self._output, width)
        text = repr((options.pooling, self._audio, self._output, options.constants, onnxruntime.__version__))
        self.fingerprint = (
            f"{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
            f"-{digest_of(existing_file(options.path))}"
        )

    def _input(self, inputs: dict[str, Any]) -> str:
        path, wanted = self._options.path, self._options.input
        unknown = [name for name in (*self._options.constants, wanted) if name and name not in inputs]
        if unknown:
            raise SourceError(f"{path} has no input {unknown[0]}; its inputs are {', '.join(inputs)}")
        left = [name for name in inputs if name not in self._options.constants]
        if wanted in left and len(left) > 1:
            left.remove(wanted)
            raise SourceError(f"{path} asks for {left[0]}, too; give it a value under constants")
        if len(left) != 1:
            raise SourceError(
                f"{path} has the inputs {', '.join(inputs)}; name the one that takes the audio as input, "
                "and give the others values under constants"
            )
        shape = inputs[left[0]].shape
        if not 1 <= len(shape) <= 3 or isinstance(shape[-1], int):
            raise SourceError(
                f"{path}: input {left[0]} has the shape {shape}, not that of audio of any length "
                "([samples], [1, samples] or [1, 1, samples]); export a model that reads raw 16 kHz audio"
            )
        return left[0]

    def _type_of(self, entry: Any) -> type:
        if entry.type not in _TYPES:
            raise SourceError(
                f"{self._options.path}: input {entry.name} is of type {entry.type}, not tensor(float); "
                "export a model that reads floats"
            )
        return _TYPES[entry.type]

    def _noise(self) -> np.ndarray:
        return np.random.default_rng(1).integers(-9000, 9000, RATE).astype(np.int16)

    def _run(self, samples: np.ndarray) -> np.ndarray:
        wave: np.ndarray = (samples / 32768).astype(self._dtype).reshape([1] * (self._rank - 1) + [-1])
        try:
            (found,) = self._session.run([self._output], {self._audio: wave, **self._constants})
        except Exception as error:  # see session_of
            raise UnusableClipError("the model failed", " ".join(str(error).split())[:200]) from None
        values = np.asarray(found, np.float64)
        if not self._framed:
            return values.reshape(-1)
        frames = values[0] if values.ndim == 3 else values.reshape(-1, 1)
        if not len(frames):
            raise UnusableClipError("too short", f"the model gives no frames of {len(samples)} samples")
        return pool(frames, self._options.pooling)

    def extract(self, samples: np.ndarray) -> Features:
        """int16 [samples] → the output, pooled where it has frames.

        Raises:
            UnusableClipError: if the model fails, gives no frames, or values that are not finite.
        """
        return vector_only(self._run(samples))
