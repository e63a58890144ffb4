"""One row for each registered rule: what it should be equal to, and the inputs to try it with."""

import rows_conv
import rows_elementwise
import rows_loss
import rows_norm
import rows_products
import rows_reduce
import rows_sequence
import rows_shape
import rows_unary

ROWS = (
    rows_conv.ROWS
    | rows_elementwise.ROWS
    | rows_reduce.ROWS
    | rows_sequence.ROWS
    | rows_loss.ROWS
    | rows_norm.ROWS
    | rows_products.ROWS
    | rows_shape.ROWS
    | rows_unary.ROWS
)
