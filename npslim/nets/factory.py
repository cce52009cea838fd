"""Nets by name, each with the defaults it is trained with."""

import functools

from npslim.errors import NotFoundError, nearest
from npslim.nets import (
    alexnet,
    cifarnet,
    inception_resnet_v2,
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
from npslim.preprocessing import get_preprocessing
from npslim.scopes import arg_scope

_NETS = {
    "alexnet_v2": (alexnet.alexnet_v2, alexnet.alexnet_v2_arg_scope),
    "cifarnet": (cifarnet.cifarnet, cifarnet.cifarnet_arg_scope),
    "overfeat": (overfeat.overfeat, overfeat.overfeat_arg_scope),
    "lenet": (lenet.lenet, lenet.lenet_arg_scope),
    **{name: (getattr(vgg, name), vgg.vgg_arg_scope) for name in ("vgg_a", "vgg_16", "vgg_19")},
    "inception_v1": (inception_v1.inception_v1, inception_v1.inception_v1_arg_scope),
    "inception_v2": (inception_v2.inception_v2, inception_v2.inception_v2_arg_scope),
    "inception_v3": (inception_v3.inception_v3, inception_v3.inception_v3_arg_scope),
    "inception_v4": (inception_v4.inception_v4, inception_v4.inception_v4_arg_scope),
    "inception_resnet_v2": (
        inception_resnet_v2.inception_resnet_v2,
        inception_resnet_v2.inception_resnet_v2_arg_scope,
    ),
    **{
        f"resnet_v{version}_{layers}": (getattr(module, f"resnet_v{version}_{layers}"), resnet_utils.resnet_arg_scope)
        for version, module in ((1, resnet_v1), (2, resnet_v2))
        for layers in (50, 101, 152, 200)
    },
    **{
        name: (getattr(mobilenet_v1, name), mobilenet_v1.mobilenet_v1_arg_scope)
        for name in ("mobilenet_v1", "mobilenet_v1_075", "mobilenet_v1_050", "mobilenet_v1_025")
    },
    **{
        name: (getattr(mobilenet_v2, name), mobilenet_v2.training_scope)
        for name in ("mobilenet_v2", "mobilenet_v2_140", "mobilenet_v2_050", "mobilenet_v2_035")
    },
}


def names():
    """The names that `get` knows, sorted."""
    return sorted(_NETS)


def get(name, num_classes, weight_decay=0.0, is_training=False):
    """A function of images that makes the net `name` and returns (logits, end_points).

    num_classes: of the logits; None for the features, of the nets that have it.
    The function takes the net's further arguments by name, and has its `default_image_size` and, as `preprocess(image,
    height, width)`, what its pictures go through, for training if is_training; see `npslim.preprocessing`.
    Raises NotFoundError, a KeyError, for an unknown name.
    """
    if name not in _NETS:
        near = nearest(name, names(), 3)
        raise NotFoundError(
            f"There is no net named {name}.", expected=", ".join(names()), got=repr(name),
            hint=f"did you mean {' or '.join(near)}?" if near else None,
        )  # fmt: skip
    net, defaults = _NETS[name]

    @functools.wraps(net)
    def network(images, **options):
        with arg_scope(defaults(weight_decay=weight_decay)):
            return net(images, num_classes=num_classes, is_training=is_training, **options)

    network.preprocess = get_preprocessing(name, is_training)  # pyright: ignore[reportAttributeAccessIssue]
    return network
