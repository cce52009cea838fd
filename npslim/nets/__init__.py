"""Nets, as TF-Slim and its model library have them: a module each, and `get` to take one by its name.

Each net is a function of images that returns (logits, end_points), with `default_image_size`, and beside it an
arg_scope of the defaults it is trained with.
"""

from npslim.nets import (
    alexnet,
    cifarnet,
    inception,
    inception_resnet_v2,
    inception_utils,
    inception_v1,
    inception_v2,
    inception_v3,
    inception_v4,
    lenet,
    mobilenet_v1,
    mobilenet_v2,
    overfeat,
    resnet_utils,
    resnet_v1,
    resnet_v2,
    vgg,
)
from npslim.nets.factory import get, names

__all__ = [
    "alexnet", "cifarnet", "get", "inception", "inception_resnet_v2", "inception_utils", "inception_v1",
    "inception_v2", "inception_v3", "inception_v4", "lenet", "mobilenet_v1", "mobilenet_v2", "names", "overfeat",
    "resnet_utils", "resnet_v1", "resnet_v2", "vgg",
]  # fmt: skip
