"""`tf.saved_model`: the folders in which TensorFlow 1 exports nets, by all the names that it has for them."""

from types import SimpleNamespace

from npslim.graph_def.saved_model import (
    ASSETS_KEY,
    LEGACY_INIT_OP_KEY,
    MAIN_OP_KEY,
    contains_saved_model,
    load,
)
from npslim.graph_def.saved_model_export import SavedModelBuilder, simple_save
from npslim.graph_def.signatures import (
    CLASSIFY_METHOD_NAME,
    PREDICT_METHOD_NAME,
    REGRESS_METHOD_NAME,
    build_signature_def,
    build_tensor_info,
    classification_signature_def,
    get_tensor_from_tensor_info,
    is_valid_signature,
    predict_signature_def,
    regression_signature_def,
)
from npslim.tf.missing import reporter

Builder = SavedModelBuilder
maybe_saved_model_directory = contains_saved_model

SERVING, TRAINING, GPU, TPU = "serve", "train", "gpu", "tpu"
DEFAULT_SERVING_SIGNATURE_DEF_KEY = "serving_default"
PREDICT_INPUTS, PREDICT_OUTPUTS = "inputs", "outputs"
REGRESS_INPUTS, REGRESS_OUTPUTS = "inputs", "outputs"
CLASSIFY_INPUTS, CLASSIFY_OUTPUT_CLASSES, CLASSIFY_OUTPUT_SCORES = "inputs", "classes", "scores"
ASSETS_DIRECTORY, VARIABLES_DIRECTORY, VARIABLES_FILENAME = "assets", "variables", "variables"
SAVED_MODEL_FILENAME_PB, SAVED_MODEL_FILENAME_PBTXT = "saved_model.pb", "saved_model.pbtxt"
SAVED_MODEL_SCHEMA_VERSION = 1


def _names(names):
    """What TensorFlow has a module for: these of the names here."""
    return SimpleNamespace(**{name: globals()[name] for name in names.split()})


builder = _names("SavedModelBuilder")
loader = _names("load maybe_saved_model_directory")
utils = _names("build_tensor_info get_tensor_from_tensor_info")
tag_constants = _names("SERVING TRAINING GPU TPU")
signature_constants = _names(
    "DEFAULT_SERVING_SIGNATURE_DEF_KEY PREDICT_INPUTS PREDICT_OUTPUTS PREDICT_METHOD_NAME CLASSIFY_INPUTS "
    "CLASSIFY_OUTPUT_CLASSES CLASSIFY_OUTPUT_SCORES CLASSIFY_METHOD_NAME REGRESS_INPUTS REGRESS_OUTPUTS "
    "REGRESS_METHOD_NAME"
)
signature_def_utils = _names(
    "build_signature_def predict_signature_def classification_signature_def regression_signature_def is_valid_signature"
)
constants = _names(
    "ASSETS_DIRECTORY ASSETS_KEY LEGACY_INIT_OP_KEY MAIN_OP_KEY SAVED_MODEL_FILENAME_PB SAVED_MODEL_FILENAME_PBTXT "
    "SAVED_MODEL_SCHEMA_VERSION VARIABLES_DIRECTORY VARIABLES_FILENAME"
)

__getattr__ = reporter(__name__, lambda: globals())
