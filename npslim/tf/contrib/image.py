"""`tf.contrib.image`: images rotated, moved, seen at an angle."""

from npslim.ops.image_project import (
    angles_to_projective_transforms,
    rotate,
    transform,
    translate,
    translations_to_projective_transforms,
)
from npslim.tf.missing import reporter

__getattr__ = reporter(__name__, lambda: globals())
