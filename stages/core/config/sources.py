"""Where the features of a set come from, typed: the entries of ``features`` and ``external``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, MinLen

Pooling = Literal["mean", "mean-sd", "max", "first"]
"""How frames become one vector: see :func:`stages.core.features.sources.pooling.pool`."""


@dataclass(frozen=True)
class Windows:
    """Parts of a clip that are described one by one: a number of them, or one each so many seconds.

    Attributes:
        count: so many equal parts, whose vectors stand side by side.
        seconds: length of a part.
        hop: seconds from the start of a part to that of the next.
        pooling: how the vectors of parts of so many seconds become one; None: ``mean-sd``.
    """

    count: Annotated[int, Ge(2)] | None = None
    seconds: Annotated[float, Ge(0.1)] | None = None
    hop: Annotated[float, Gt(0)] | None = None
    pooling: Pooling | None = None


@dataclass(frozen=True)
class OpenSmileSet:
    """One of openSMILE's feature sets.

    Attributes:
        set: its name in the ``opensmile`` package.
        windows: parts of the clip to describe instead of the whole; None: the whole.
    """

    set: str
    windows: Windows | None = None
    kind: Literal["opensmile"] = "opensmile"


@dataclass(frozen=True)
class OpenSmileConfig:
    """An openSMILE configuration of your own.

    Attributes:
        path: the configuration, in the form that the ``opensmile`` package asks for.
        level: the level with one row per clip.
        frames: the level with one row per frame, for bags of audio words; None: no frames.
    """

    path: str
    level: str = "func"
    frames: str | None = None
    kind: Literal["opensmile"] = "opensmile"


@dataclass(frozen=True)
class ResemblyzerSource:
    """The voice embedding of the package Resemblyzer.

    Attributes:
        output: ``embedding`` (256 values) or ``states`` (1,024 values: mean, sd and maximum of the last LSTM
            layer's states, and the embedding).
    """

    output: Literal["embedding", "states"] = "embedding"
    kind: Literal["resemblyzer"] = "resemblyzer"


@dataclass(frozen=True)
class PitchSource:
    """Statistics of the pitch by the package swift-f0, which reaches 2,094 Hz."""

    kind: Literal["pitch"] = "pitch"


@dataclass(frozen=True)
class _SpeechModel:
    layer: Annotated[int, Ge(0)] | Annotated[tuple[Annotated[int, Ge(0)], ...], MinLen(1)] | Literal["all"]
    pooling: Pooling = "mean-sd"
    weights: tuple[Annotated[float, Ge(0)], ...] | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    kind: Literal["transformers"] = "transformers"


@dataclass(frozen=True, kw_only=True)
class HubModel(_SpeechModel):
    """A speech model of the Hugging Face hub, from this machine's cache of it.

    Attributes:
        model: its name there.
        revision: a branch, tag or commit; None: the newest that the cache has.
        layer: a hidden layer (0: before the first), several, or all; of several the mean.
        weights: a weight per layer, for a weighted mean; None: all the same.
        pooling: how frames become one vector.
    """

    model: str
    revision: str | None = None


@dataclass(frozen=True, kw_only=True)
class LocalModel(_SpeechModel):
    """A speech model in a local folder, as ``save_pretrained`` writes it; see :class:`HubModel`."""

    path: str


@dataclass(frozen=True)
class OnnxSource:
    """An ONNX model that reads 16 kHz audio.

    Attributes:
        path: the model.
        pooling: how frames become one vector, if the output has frames.
        input: the input that takes the audio; None: the only one that ``constants`` does not name.
        output: the output that is read; None: the first.
        constants: values of further inputs, such as ``{fmin: 46.875, fmax: 2093.75}``.
    """

    path: str
    pooling: Pooling = "mean-sd"
    input: str | None = None
    output: str | None = None
    constants: dict[str, float] = field(default_factory=dict)
    kind: Literal["onnx"] = "onnx"


@dataclass(frozen=True)
class TableSource:
    """Features that somebody else made: a table, or a folder with a file per clip.

    Attributes:
        path: Parquet, CSV, ARFF or .npy (with the clip ids in a .txt beside it), or a folder of such files.
        ending: what the table's ids end in and the corpus's do not, such as ``.wav``.
    """

    path: str
    ending: str = ""
    kind: Literal["table"] = "table"


Packaged = OpenSmileSet | ResemblyzerSource | PitchSource | HubModel
"""Sources that a package brings, or the hub's cache: entries of ``features``."""
External = OpenSmileConfig | LocalModel | OnnxSource | TableSource
"""Sources behind a file or a folder of yours, at ``path``: entries of ``external``."""
Source = Packaged | External

PACKAGED: Mapping[str, type] = {
    "opensmile": OpenSmileSet,
    "resemblyzer": ResemblyzerSource,
    "pitch": PitchSource,
    "transformers": HubModel,
}
"""Kind → options, for entries of ``features``."""
EXTERNAL: Mapping[str, type] = {
    "table": TableSource,
    "opensmile": OpenSmileConfig,
    "transformers": LocalModel,
    "onnx": OnnxSource,
}
"""Kind → options, for entries of ``external``."""


def revived(entry: Mapping[str, Any]) -> Source:
    """The options that ``asdict`` and JSON have made a dictionary of.

    Raises:
        ValueError: if a value does not fit.

    >>> revived({"kind": "resemblyzer", "output": "states"})
    ResemblyzerSource(output='states', kind='resemblyzer')
    """
    from pydantic import TypeAdapter  # takes longer to load than to use

    kind = (EXTERNAL if "path" in entry else PACKAGED)[entry["kind"]]
    source: Source = TypeAdapter(kind).validate_json(json.dumps(entry), strict=True)
    return source
