"""Names of openSMILE's feature sets, without the second that importing the package takes."""

import ast
from importlib.util import find_spec
from pathlib import Path


def known_feature_sets() -> list[str]:
    """The names of ``opensmile.FeatureSet``, read from the package's source.

    >>> "ComParE_2016" in known_feature_sets()
    True
    """
    spec = find_spec("opensmile")
    assert spec is not None and spec.origin is not None, "opensmile is not installed"  # noqa: S101
    source = Path(spec.origin).parent / "core/define.py"
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == "FeatureSet":
            targets = [entry.targets[0] for entry in node.body if isinstance(entry, ast.Assign)]
            return [target.id for target in targets if isinstance(target, ast.Name)]
    raise AssertionError(f"{source} declares no FeatureSet")
