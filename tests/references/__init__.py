"""Slow, independent answers for ops whose reference does not fit into their block."""

import npslim.ops  # noqa: F401 - fills the registry
from references import conv, image_color, image_resize, linear, normalize, pool, softmax, special, summary  # noqa: F401
