"""Ridge regression on the other families, against scikit-learn's and by leaving clips out one by one."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from stages.core.relevance import conditional
from stages.core.relevance.conditional import PENALTIES, Kernels


@pytest.fixture
def data() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    hidden = rng.normal(size=(50, 3))
    told = hidden @ rng.normal(size=(3, 4)) + 0.1 * rng.normal(size=(50, 4))
    alone = rng.normal(size=(50, 2))
    values = np.hstack([hidden, told, alone]).astype(np.float32)
    values -= values[:30].mean(axis=0)
    families = {"hidden": np.arange(3), "told": np.arange(3, 7), "alone": np.arange(7, 9)}
    return families, values[:30], values[30:]


def test_a_family_is_told_as_by_ridge_regression(
    data: tuple[dict[str, np.ndarray], np.ndarray, np.ndarray],
) -> None:
    families, train, test = data
    kernels = Kernels.of(families, train, test, threads=2)
    told = kernels.told_by_the_rest("told", families["told"])
    rest = np.r_[families["hidden"], families["alone"]]
    scale = (train[:, rest].astype(float) ** 2).sum() / len(train)
    expected = [
        Ridge(alpha=penalty * scale, fit_intercept=False)
        .fit(train[:, rest], train[:, families["told"]])
        .predict(test[:, rest])
        for penalty in PENALTIES
    ]
    found = told.weights @ train[told.clips][:, families["told"]]
    assert min(np.abs(found - values).max() for values in expected) < 1e-5
    assert told.share > 0.9
    assert kernels.told_by_the_rest("alone", families["alone"]).share < 0.1


def left_out(inputs: np.ndarray, targets: np.ndarray, alpha: float) -> float:
    """Squared errors of clips that ridge regression did not see, in all."""
    total = 0.0
    for clip in range(len(inputs)):
        others = np.arange(len(inputs)) != clip
        model = Ridge(alpha, fit_intercept=False).fit(inputs[others], targets[others])
        total += float(((model.predict(inputs[[clip]]) - targets[[clip]]) ** 2).sum())
    return total


@pytest.mark.parametrize(("name", "clips", "penalty"), [("told", 30, 0.01), ("alone", 12, 1.0)])
def test_leaving_one_clip_out_chooses_the_penalty_and_says_the_share(
    data: tuple[dict[str, np.ndarray], np.ndarray, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    clips: int,
    penalty: float,
) -> None:
    """Of a family with more columns than are looked at, evenly spaced ones choose."""
    monkeypatch.setattr(conditional, "COLUMNS", 2)
    families, train, test = data
    train = train[:clips]
    told = Kernels.of(families, train, test, threads=1).told_by_the_rest(name, families[name])
    rest = np.concatenate([columns for family, columns in families.items() if family != name])
    chosen = families[name][[0, -1]]
    inputs, targets = train[:, rest].astype(float), train[:, chosen].astype(float)
    scale = (inputs**2).sum() / len(inputs)
    errors = {share: left_out(inputs, targets, share * scale) for share in PENALTIES}
    assert min(errors, key=errors.__getitem__) == penalty
    assert told.share == pytest.approx(1 - errors[penalty] / (targets**2).sum(), rel=1e-6)
    theirs = Ridge(penalty * scale, fit_intercept=False).fit(inputs, train[:, families[name]])
    found = told.weights @ train[:, families[name]]
    np.testing.assert_allclose(found, theirs.predict(test[:, rest].astype(float)), atol=1e-5)


def test_what_is_learnt_from_is_spread_over_all_clips(
    data: tuple[dict[str, np.ndarray], np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    families, train, test = data
    monkeypatch.setattr(conditional, "CLIPS", 5)
    kernels = Kernels.of(families, train, test, threads=1)
    assert kernels.clips.tolist() == [0, 7, 14, 22, 29]
    np.testing.assert_array_equal(kernels.known, train[kernels.clips])
    for name, columns in families.items():
        products = np.concatenate([kernels.known, test])[:, columns] @ kernels.known[:, columns].T
        np.testing.assert_allclose(kernels.own[name], products, rtol=1e-5, atol=1e-6)
    assert kernels.told_by_the_rest("told", families["told"]).clips.tolist() == [0, 7, 14, 22, 29]


def test_share_without_a_family(data: tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]) -> None:
    families, train, test = data
    kernels = Kernels.of(families, train, test, threads=1)
    learnt, seen = train[kernels.clips][:, [0, 7]].astype(float), test[:, [0, 7]].astype(float)
    whole = kernels.share_without(None, learnt, seen)
    assert (whole > 0.9).all()
    assert kernels.share_without("hidden", learnt, seen)[0] > 0.8  # the told family tells it as well
    assert kernels.share_without("alone", learnt, seen)[1] == 0
    for name in (None, *families):
        columns = np.concatenate([families[family] for family in families if family != name])
        inputs, seen_inputs = train[:, columns].astype(float), test[:, columns].astype(float)
        centred = learnt - learnt.mean(axis=0)
        scale = (inputs**2).sum() / len(inputs)
        best = min(PENALTIES, key=lambda share: left_out(inputs, centred, share * scale))
        model = Ridge(best * scale, fit_intercept=False).fit(inputs, centred)
        errors = ((seen - learnt.mean(axis=0) - model.predict(seen_inputs)) ** 2).sum(axis=0)
        expected = np.maximum(1 - errors / ((seen - seen.mean(axis=0)) ** 2).sum(axis=0), 0)
        np.testing.assert_allclose(kernels.share_without(name, learnt, seen), expected, atol=1e-6)
    # The share is one of variance: what all quantities have in common takes no part.
    np.testing.assert_allclose(kernels.share_without(None, learnt + 50, seen + 50), whole, rtol=1e-9)


def test_threads_change_no_bit(data: tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]) -> None:
    families, train, test = data
    one, two = (Kernels.of(families, train, test, threads).own["told"] for threads in (1, 2))
    assert np.array_equal(one, two)
