"""`tf.layers`: functions, and the same layers as objects."""

import importlib

from npslim.tf.layer_functions import (
    average_pooling1d,
    average_pooling2d,
    average_pooling3d,
    batch_normalization,
    conv1d,
    conv2d,
    conv2d_transpose,
    conv3d,
    conv3d_transpose,
    dense,
    dropout,
    flatten,
    max_pooling1d,
    max_pooling2d,
    max_pooling3d,
    separable_conv2d,
)
from npslim.tf.missing import reporter

# Classes, which are imported when the first of them is asked for.
_CLASSES = """
Layer InputSpec Dense Conv1D Conv2D Conv3D Conv2DTranspose Conv3DTranspose SeparableConv2D MaxPooling1D MaxPooling2D
MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D Flatten Dropout BatchNormalization
""".split()


def __getattr__(name):
    """The classes, when they are first asked for."""
    if name in _CLASSES:
        return getattr(importlib.import_module("npslim.tf.layer_classes"), name)
    return _report(name)


def __dir__():
    return sorted({*globals(), *_CLASSES})


_report = reporter(__name__, __dir__)
