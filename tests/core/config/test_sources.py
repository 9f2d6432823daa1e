"""Feature sources and fusions in params.yaml: what is read, and what is refused with one sentence."""

from copy import deepcopy
from dataclasses import asdict

import pytest
import yaml

from stages.core.config import sources
from stages.core.config.load import Parameters, parse
from stages.core.runtime.errors import UserError
from tests.conftest import ROOT

PARAMETERS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def parsed(**sections: object) -> Parameters:
    content = deepcopy(PARAMETERS)
    for name, changes in sections.items():
        content[name] = {**(content.get(name) or {}), **changes} if isinstance(changes, dict) else changes
    return parse(content)


def test_the_short_form_and_all_kinds_are_read() -> None:
    found = parsed(
        features={
            "voice": {"kind": "resemblyzer"},
            "burst": {"kind": "pitch"},
            "hubert": {"kind": "transformers", "model": "facebook/hubert-base-ls960", "layer": 9},
            "gemaps": {"kind": "opensmile", "set": "GeMAPSv01b"},
            "thirds": {"kind": "opensmile", "set": "eGeMAPSv02", "windows": {"count": 3}},
            "halves": {"kind": "opensmile", "set": "eGeMAPSv02", "windows": {"seconds": 0.5, "hop": 0.25}},
        },
        external={
            "w2v2": {"kind": "onnx", "path": "model.onnx", "constants": {"fmin": 50.0}},
            "mine": {"kind": "opensmile", "path": "my.conf", "level": "func"},
            "local": {"kind": "transformers", "path": "hubert", "layer": [1, 2], "weights": [0.5, 0.5]},
            "organizers": {"kind": "table", "path": "../hume/feats/openXBOW/2000"},
        },
    )
    assert found.features["egemaps"] == sources.OpenSmileSet("eGeMAPSv02")
    assert found.features["gemaps"] == sources.OpenSmileSet("GeMAPSv01b")
    assert found.features["thirds"] == sources.OpenSmileSet("eGeMAPSv02", sources.Windows(count=3))
    assert found.features["hubert"] == sources.HubModel(model="facebook/hubert-base-ls960", layer=9)
    assert found.external["local"] == sources.LocalModel(path="hubert", layer=(1, 2), weights=(0.5, 0.5))
    assert found.external["organizers"] == sources.TableSource("../hume/feats/openXBOW/2000")
    for source in found.sources.values():
        assert sources.revived(asdict(source)) == source
    assert set(found.feature_sets) >= {"egemaps", "compare", "boaw", "voice", "organizers"}


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"features": {"x": {"kind": "resembliser"}}},
            r"features\.x\.kind is resembliser.*mean resemblyzer",
        ),
        (
            {"features": {"x": {"output": "states"}}},
            r"features\.x\.kind is None, which features does not know",
        ),
        (
            {"features": {"x": {"kind": "table", "path": "t.csv"}}},
            r"features\.x reads a file of yours; move it to section external",
        ),
        ({"features": {"x": {"kind": "onnx"}}}, r"features\.x reads a file of yours"),
        ({"features": {"x": {"kind": "transformers", "path": "a", "layer": 1}}}, r"features\.x reads a file"),
        ({"features": {"x": {"kind": "transformers", "model": "a"}}}, r"features\.x\.layer is missing"),
        ({"features": {"x": {"kind": "resemblyzer", "output": "mean"}}}, r"features\.x\.output should be"),
        ({"features": {"x": {"kind": "pitch", "hop": 3}}}, r"features\.x\.hop is not a parameter"),
        ({"features": {"x": 3}}, r"features\.x\.kind is None"),
        *(
            ({"features": {"x": {"kind": "opensmile", "set": "eGeMAPSv02", "windows": windows}}}, message)
            for windows, message in (
                ({}, r"features\.x\.windows takes count alone, or seconds and hop"),
                ({"count": 3, "hop": 0.1}, r"features\.x\.windows takes count alone"),
                ({"seconds": 0.5}, r"features\.x\.windows takes count alone"),
                ({"count": 1}, r"features\.x\.windows\.count should be greater than or equal to 2"),
                ({"seconds": 0.5, "hop": 1.0}, r"features\.x\.windows\.hop is above seconds"),
                ({"parts": 3}, r"features\.x\.windows\.parts is not a parameter"),
            )
        ),
        ({"external": {"x": "eGeMAPSv02"}}, r"external\.x\.kind is None"),
        ({"external": {"x": {"kind": "table"}}}, r"external\.x\.path is missing"),
        (
            {"external": {"x": {"kind": "pitch"}}},
            r"external\.x\.kind is pitch, which external does not know",
        ),
        (
            {"external": {"compare": {"kind": "table", "path": "t"}}},
            r"'compare' in features, external, fused_features would be one name",
        ),
        (
            {"external": {"boaw": {"kind": "table", "path": "t"}}},
            r"name 'boaw': the bags of audio words have it",
        ),
        (
            {"external": {"../x": {"kind": "table", "path": "t"}}},
            r"external cannot hold the name '\.\./x': a name begins",
        ),
        ({"external": [1]}, r"external must hold names"),
        ({"fused_features": {"all": ["compare", "egemap"]}}, r"fused_features\.all names 'egemap'.*egemaps"),
        ({"fused_features": {"all": ["compare"]}}, r"fused_features\.all should have at least 2"),
        ({"fused_features": {"all": ["compare", "compare"]}}, r"fused_features\.all names a set twice"),
        ({"fused_features": {"boaw": ["compare", "egemaps"]}}, r"fused_features cannot hold the name 'boaw'"),
        ({"fused_runs": {"x": {"runs": ["compare-stl", "a"]}}}, r"fused_runs\.x names 'a', which is no run"),
        (
            {"fused_runs": {"compare-stl": {"runs": ["boaw-stl", "egemaps-stl"]}}},
            r"'compare-stl' in runs, fused_runs would be one name",
        ),
        (
            {"codebook": {"features": "voice"}, "features": {"voice": {"kind": "resemblyzer"}}},
            r"openSMILE sets",
        ),
        ({"runs": {"x": {"features": "al", "model": "stl"}}}, r"runs\.x\.features is 'al'"),
    ],
)
def test_what_does_not_fit_is_one_sentence(sections: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parsed(**sections)


def test_a_run_reads_fused_and_external_sets() -> None:
    found = parsed(
        external={"mine": {"kind": "table", "path": "t.csv"}},
        fused_features={"everything": ["compare", "boaw", "mine"]},
        runs={
            "everything-stl": {"features": "everything", "model": "stl"},
            "mine-stl": {"features": "mine", "model": "stl"},
        },
    )
    assert found.runs["everything-stl"].features == "everything"
