"""Products of matrices whose columns lie in lanes, each sum added term by term."""

from stages.core.networks.lanes import LANES, has_avx512, kernel, load, load_wide, spread, spread_wide, store


@kernel
def _last_columns(to: tuple, factors: tuple, matrix: tuple, shape: tuple) -> None:
    """The product's last eight columns, where their number is no multiple of sixteen."""
    c, c0, c_row = to
    a, a0, a_term, a_row = factors
    b, b0, b_term = matrix
    rows, columns, terms = shape
    if columns % (2 * LANES):
        for row in range(0, rows, 4):
            at, p, q = c0 + row * c_row + columns - LANES, a0 + row * a_row, b0 + columns - LANES
            c00, c10 = load(c, at), load(c, at + c_row)
            c20, c30 = load(c, at + 2 * c_row), load(c, at + 3 * c_row)
            for _ in range(terms):
                left = load(b, q)
                c00, c10 = c00 + spread(a, p) * left, c10 + spread(a, p + a_row) * left
                c20, c30 = c20 + spread(a, p + 2 * a_row) * left, c30 + spread(a, p + 3 * a_row) * left
                p += a_term
                q += b_term
            store(c, at, c00)
            store(c, at + c_row, c10)
            store(c, at + 2 * c_row, c20)
            store(c, at + 3 * c_row, c30)


@kernel
def product_by_four_rows(to: tuple, factors: tuple, matrix: tuple, shape: tuple) -> None:
    """Add to C [rows, columns] the products A [rows, terms] · B [terms, columns], term by term.

    Args:
        to: vector that holds C, where C begins, elements from one row to the next.
        factors: vector that holds A, where A begins, elements from one term, and from one row, to the next.
        matrix: vector that holds B, where B begins, elements from one term to the next.
        shape: rows (a multiple of 8), columns (a multiple of 8) and terms.
    """
    c, c0, c_row = to
    a, a0, a_term, a_row = factors
    b, b0, b_term = matrix
    rows, columns, terms = shape
    for column in range(0, columns - LANES, 2 * LANES):
        for row in range(0, rows, 4):
            at, p, q = c0 + row * c_row + column, a0 + row * a_row, b0 + column
            sum_0 = load_wide(c, at)
            sum_1 = load_wide(c, at + c_row)
            sum_2 = load_wide(c, at + 2 * c_row)
            sum_3 = load_wide(c, at + 3 * c_row)
            for _ in range(terms):
                of_b = load_wide(b, q)
                sum_0 = sum_0 + spread_wide(a, p) * of_b
                sum_1 = sum_1 + spread_wide(a, p + a_row) * of_b
                sum_2 = sum_2 + spread_wide(a, p + 2 * a_row) * of_b
                sum_3 = sum_3 + spread_wide(a, p + 3 * a_row) * of_b
                p += a_term
                q += b_term
            store(c, at, sum_0)
            store(c, at + c_row, sum_1)
            store(c, at + 2 * c_row, sum_2)
            store(c, at + 3 * c_row, sum_3)
    _last_columns(to, factors, matrix, shape)


@kernel
def product_by_eight_rows(to: tuple, factors: tuple, matrix: tuple, shape: tuple) -> None:
    """The same product for processors with registers for eight rows at once."""
    c, c0, c_row = to
    a, a0, a_term, a_row = factors
    b, b0, b_term = matrix
    rows, columns, terms = shape
    for column in range(0, columns - LANES, 2 * LANES):
        for row in range(0, rows, 8):
            at, p, q = c0 + row * c_row + column, a0 + row * a_row, b0 + column
            sum_0 = load_wide(c, at)
            sum_1 = load_wide(c, at + c_row)
            sum_2 = load_wide(c, at + 2 * c_row)
            sum_3 = load_wide(c, at + 3 * c_row)
            sum_4 = load_wide(c, at + 4 * c_row)
            sum_5 = load_wide(c, at + 5 * c_row)
            sum_6 = load_wide(c, at + 6 * c_row)
            sum_7 = load_wide(c, at + 7 * c_row)
            for _ in range(terms):
                of_b = load_wide(b, q)
                sum_0 = sum_0 + spread_wide(a, p) * of_b
                sum_1 = sum_1 + spread_wide(a, p + a_row) * of_b
                sum_2 = sum_2 + spread_wide(a, p + 2 * a_row) * of_b
                sum_3 = sum_3 + spread_wide(a, p + 3 * a_row) * of_b
                sum_4 = sum_4 + spread_wide(a, p + 4 * a_row) * of_b
                sum_5 = sum_5 + spread_wide(a, p + 5 * a_row) * of_b
                sum_6 = sum_6 + spread_wide(a, p + 6 * a_row) * of_b
                sum_7 = sum_7 + spread_wide(a, p + 7 * a_row) * of_b
                p += a_term
                q += b_term
            store(c, at, sum_0)
            store(c, at + c_row, sum_1)
            store(c, at + 2 * c_row, sum_2)
            store(c, at + 3 * c_row, sum_3)
            store(c, at + 4 * c_row, sum_4)
            store(c, at + 5 * c_row, sum_5)
            store(c, at + 6 * c_row, sum_6)
            store(c, at + 7 * c_row, sum_7)
    _last_columns(to, factors, matrix, shape)


add_product = product_by_eight_rows if has_avx512() else product_by_four_rows  # the same bits
