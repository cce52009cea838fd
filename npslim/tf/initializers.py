"""`tf.initializers`."""

from npslim import (
    constant_initializer as constant,
)
from npslim import (
    global_variables_initializer as global_variables,
)
from npslim import (
    glorot_normal_initializer as glorot_normal,
)
from npslim import (
    glorot_uniform_initializer as glorot_uniform,
)
from npslim import (
    local_variables_initializer as local_variables,
)
from npslim import (
    ones_initializer as ones,
)
from npslim import (
    orthogonal_initializer as orthogonal,
)
from npslim import (
    random_normal_initializer as random_normal,
)
from npslim import (
    random_uniform_initializer as random_uniform,
)
from npslim import (
    truncated_normal_initializer as truncated_normal,
)
from npslim import (
    variables_initializer as variables,
)
from npslim import (
    zeros_initializer as zeros,
)
from npslim.initializers import VarianceScaling as variance_scaling
from npslim.initializers import he_normal, he_uniform, lecun_normal, lecun_uniform
from npslim.initializers import identity_initializer as identity
from npslim.initializers import uniform_unit_scaling_initializer as uniform_unit_scaling
from npslim.lookup import tables_initializer
from npslim.tf.missing import reporter

__getattr__ = reporter(__name__, lambda: globals())
