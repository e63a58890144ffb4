"""One row for each registered rule: what it should be equal to, and the inputs to try it with."""

import rows_elementwise
import rows_loss
import rows_products
import rows_reduce
import rows_shape

ROWS = (
    rows_elementwise.ROWS | rows_reduce.ROWS | rows_loss.ROWS | rows_products.ROWS | rows_shape.ROWS
)
