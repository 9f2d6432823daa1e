from stages.core.config.search import SearchRange, ends, is_whole


def test_ends_are_whole_numbers_where_the_option_is_one() -> None:
    found = [ends(option, SearchRange(1.0, 3.0)) for option in ("epochs", "columns", "learning_rate")]
    assert found == [(1, 3), (1, 3), (1.0, 3.0)]
    assert [type(low) for low, _ in found] == [int, int, float]
    for low, high in ((1.5, 3.0), (1.0, 3.5)):
        assert ends("epochs", SearchRange(low, high)) == (low, high)
    assert [is_whole(option) for option in ("batch_size", "patience", "label_smoothing")] == [
        True,
        True,
        False,
    ]
