import pytest

from stages.core.config.data import SplitOptions


@pytest.mark.parametrize(
    ("options", "column", "option"),
    [
        ({}, None, "split.balance"),
        ({"folds": "Country"}, "Country", "split.balance"),  # folds decide nothing
        ({"method": "folds", "folds": "Country"}, "Country", "split.folds"),
        ({"method": "folds", "folds": "Country", "balance": "Age"}, "Country", "split.balance"),
        ({"method": "folds", "folds": 7}, None, "split.balance"),
        ({"method": "folds", "folds": 7, "balance": None}, None, "split.balance"),
        ({"method": "folds", "folds": "speakers"}, None, "split.balance"),
    ],
)
def test_which_option_names_the_column_of_folds_and_of_balance(
    options: dict, column: str | None, option: str
) -> None:
    found = SplitOptions(**options)
    assert (found.fold_column, found.balance_option) == (column, option)
