"""`tf.estimator`: the names of the modes, which models take without an estimator, too."""

from npslim.tf.missing import reporter


class ModeKeys:
    """What a model is defined for."""

    TRAIN = "train"
    EVAL = "eval"
    PREDICT = "infer"


__getattr__ = reporter(__name__, lambda: globals())
