"""`tf.debugging`: checks that a run makes."""

from npslim import is_finite, is_inf, is_nan
from npslim.ops.checks import (
    assert_equal,
    assert_greater,
    assert_greater_equal,
    assert_integer,
    assert_less,
    assert_less_equal,
    assert_near,
    assert_negative,
    assert_non_negative,
    assert_non_positive,
    assert_none_equal,
    assert_positive,
    assert_rank,
    assert_rank_at_least,
    assert_rank_in,
    assert_scalar,
    assert_type,
)
from npslim.ops.debug import Assert
from npslim.tf.missing import reporter
from npslim.tf.renamed import check_numerics
from npslim.tf.renamed import verify_tensor_all_finite as assert_all_finite

__getattr__ = reporter(__name__, lambda: globals())
