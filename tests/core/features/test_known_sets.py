import opensmile

from stages.core.features.known_sets import known_feature_sets


def test_the_sets_are_those_of_the_package() -> None:
    assert known_feature_sets() == list(opensmile.FeatureSet.__members__)
