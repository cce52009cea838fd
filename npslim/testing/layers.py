"""The layers of the catalogue: what each is called with. A new layer gets a row."""

import inspect
from dataclasses import dataclass, field

from npslim import layers
from npslim.convert import as_tensor, read_of
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.ops import activation, trigonometry
from npslim.variables import get_variables

PREFIX = "layers"
IMAGES, CUBES, ROWS = (2, 6, 5, 4), (2, 4, 3, 4, 2), (3, 4)
FUNCTIONS = {
    "relu": activation.relu,
    "tanh": trigonometry.tanh,
    "batch_norm": layers.batch_norm,
    "conv2d": layers.conv2d,
    "fully_connected": layers.fully_connected,
}  # fmt: skip - attributes that name a function


@dataclass
class Row:
    """A layer, called with `attrs` on an input of `shape`; `integers`: numbers below that instead of normal ones."""

    name: str
    shape: tuple
    attrs: dict = field(default_factory=dict)
    integers: int = 0
    gradients: bool = True

    @property
    def function(self):
        """npslim's function."""
        return getattr(layers, self.name)

    def arguments(self):
        """The names of its arguments."""
        return set(inspect.signature(self.function).parameters) | set(self.attrs)

    def draw(self, rng):
        """{name: array} of its inputs."""
        if self.integers:
            return {"inputs": rng.integers(0, self.integers, self.shape)}
        return {"inputs": rng.normal(size=self.shape)}

    def build(self, tensors, attrs, rng):
        """({name: output}, {name: (tensor, array)} of variables and random numbers), in the default graph."""
        attrs = {key: FUNCTIONS.get(value, value) if isinstance(value, str) else value for key, value in attrs.items()}
        attrs = {key: value for key, value in attrs.items()}
        positional = attrs.pop("arguments", ())
        positional = [FUNCTIONS.get(a, a) if isinstance(a, str) else a for a in positional]
        y = self.function(tensors["inputs"], *positional, **attrs)
        ys = list(y) if isinstance(y, tuple | list) else [y]
        outputs = {"y" if len(ys) == 1 else f"y{i}": y for i, y in enumerate(ys)}
        variables = {v: _short(v.op.name) for v in get_variables()}
        for update in get_default_graph().get_collection(GraphKeys.UPDATE_OPS):
            state, delta = update.op.inputs
            name = next(n for v, n in variables.items() if v.op.name == state.op.name)
            outputs[f"after:{name}"] = read_of(state) - delta  # what assign_sub leaves
        further = {f"var:{n}": (as_tensor(v), _values(n, v, rng)) for v, n in variables.items()}
        nodes = [node for node in get_default_graph().nodes if node.op.random]
        for i, node in enumerate(nodes):
            further["random" if len(nodes) == 1 else f"random{i}"] = (
                node.outputs[0],
                rng.random(node.outputs[0].spec.shape),
            )
        return outputs, further


def _short(name):
    """A variable's name without the scope of the layer."""
    return name.split("/", 1)[1] if "/" in name else name


def _values(name, variable, rng):
    shape = variable.spec.shape
    positive = any(word in name for word in ("variance", "reparam", "temperature", "gamma"))
    return rng.uniform(0.3, 0.9, shape) if positive else rng.normal(scale=0.5, size=shape)


TABLE = [
    Row("conv1d", (3, 6, 4), {"num_outputs": 3, "kernel_size": 2}),
    Row("conv2d", IMAGES, {"num_outputs": 3, "kernel_size": [3, 2]}),
    Row("conv2d", IMAGES, {"num_outputs": 3, "kernel_size": [3, 3], "stride": 2, "activation_fn": None}),
    Row("conv2d", IMAGES, {"num_outputs": 3, "kernel_size": [3, 3], "padding": "VALID", "activation_fn": None}),
    Row("conv2d", IMAGES, {"num_outputs": 3, "kernel_size": [3, 3], "rate": 2, "activation_fn": None}),
    Row("conv2d", (2, 4, 6, 5), {"num_outputs": 3, "kernel_size": [3, 3], "data_format": "NCHW"}),
    Row("conv2d", IMAGES, {"num_outputs": 3, "kernel_size": 3, "normalizer_fn": "batch_norm"}),
    Row("conv3d", CUBES, {"num_outputs": 3, "kernel_size": [2, 2, 2]}),
    Row("convolution", IMAGES, {"num_outputs": 3, "kernel_size": 2}),
    Row("separable_conv2d", IMAGES, {"num_outputs": 3, "kernel_size": [3, 3], "depth_multiplier": 2}),
    Row("separable_conv2d", IMAGES, {"num_outputs": None, "kernel_size": [3, 3], "depth_multiplier": 1, "stride": 2}),
    Row("conv2d_in_plane", IMAGES, {"kernel_size": [3, 3]}),
    Row("conv2d_transpose", IMAGES, {"num_outputs": 3, "kernel_size": [3, 3], "stride": 2}),
    Row("conv2d_transpose", IMAGES, {"num_outputs": 3, "kernel_size": [3, 3], "stride": 2, "padding": "VALID"}),
    Row("conv3d_transpose", CUBES, {"num_outputs": 3, "kernel_size": [2, 3, 2], "stride": 2}),
    Row("fully_connected", ROWS, {"num_outputs": 3}),
    Row("fully_connected", (2, 3, 4), {"num_outputs": 3, "activation_fn": "tanh"}),
    Row("fully_connected", (8, 4), {"num_outputs": 3, "normalizer_fn": "batch_norm"}),
    Row("legacy_fully_connected", ROWS, {"num_output_units": 3}),
    Row("bias_add", IMAGES),
    Row("batch_norm", (8, 4), {"scale": True, "decay": 0.9}),
    Row("batch_norm", IMAGES, {"scale": True, "decay": 0.9, "epsilon": 0.1}),
    Row("batch_norm", IMAGES, {"scale": True, "is_training": False}),
    Row("batch_norm", IMAGES, {"fused": False, "center": False}),
    Row("batch_norm", (2, 4, 6, 5), {"data_format": "NCHW"}),
    Row("layer_norm", ROWS),
    Row("layer_norm", IMAGES, {"begin_norm_axis": 3, "begin_params_axis": 3}),
    Row("instance_norm", IMAGES),
    Row("group_norm", IMAGES, {"groups": 2}),
    Row("gdn", IMAGES),
    Row("gdn", IMAGES, {"inverse": True}),
    Row("spatial_softmax", IMAGES),
    Row("embed_sequence", (3, 6), {"vocab_size": 5, "embed_dim": 2}, integers=5),
    Row("max_pool2d", IMAGES, {"kernel_size": [2, 2]}),
    Row("max_pool2d", IMAGES, {"kernel_size": [3, 3], "stride": 2, "padding": "SAME"}),
    Row("avg_pool2d", IMAGES, {"kernel_size": [3, 2]}),
    Row("avg_pool2d", IMAGES, {"kernel_size": [3, 3], "stride": 2, "padding": "SAME"}),
    Row("max_pool3d", CUBES, {"kernel_size": [2, 2, 2]}),
    Row("avg_pool3d", CUBES, {"kernel_size": [2, 2, 2]}),
    Row("pool", IMAGES, {"kernel_size": [2, 2], "pooling_type": "AVG"}),
    Row("dropout", IMAGES, {"keep_prob": 0.75}),
    Row("dropout", IMAGES, {"keep_prob": 0.75, "is_training": False}),
    Row("flatten", IMAGES),
    Row("unit_norm", IMAGES, {"dim": 3}),
    Row("maxout", IMAGES, {"num_units": 2}),
    Row("softmax", IMAGES),
    Row("images_to_sequence", IMAGES),
    Row("sequence_to_images", (4, 6, 3), {"height": 2}),
    Row("one_hot_encoding", (3, 6), {"num_classes": 3}, integers=3),
    Row("scale_gradient", IMAGES, {"gradient_multiplier": 0.5}),
    Row("poincare_normalize", IMAGES),
    Row("bucketize", IMAGES, {"boundaries": [-1.0, 0.0, 1.0]}),
    Row("elu", ROWS, {"num_outputs": 3}),
    Row("relu", ROWS, {"num_outputs": 3}),
    Row("relu6", ROWS, {"num_outputs": 3}),
    Row("linear", ROWS, {"num_outputs": 3}),
    Row("legacy_linear", ROWS, {"num_output_units": 3}),
    Row("legacy_relu", ROWS, {"num_output_units": 3}),
    Row("repeat", IMAGES, {"arguments": [2, "conv2d", 3, 2]}),
    Row("stack", ROWS, {"arguments": ["fully_connected", [3, 2]]}),
]
