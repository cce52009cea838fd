"""What every layer keeps to: names, scopes, reuse, collections, arg_scope, unknown sizes, channels first, all kernels,
the device, exact gradients. A new layer is added to the table, and is tested.
"""

import inspect
from dataclasses import dataclass, field
from typing import Any

import fake_cupy
import numpy as np
import pytest

import npslim as slim
from npslim.ops.sparse import sparse_tensor_to_dense

ROWS, CHANNELS = 3, 4


@dataclass
class Layer:
    """A layer, called as `function(x, *args, **kwargs)` on inputs of `shape`."""

    name: str
    args: tuple = ()
    shape: tuple = (ROWS, 6, 5, CHANNELS)
    variables: tuple = ()  # their names within the scope
    default: str | None = None  # the scope's name where none is given
    first: str | None = None  # the data_format with the channels second
    kwargs: dict = field(default_factory=dict)
    dtype: type = np.float64
    gradients: bool = True
    open_sizes: bool = True  # the sizes between batch and channels may be unknown
    random: bool = False
    call: Any = None  # what stands for it where it takes more than one tensor

    @property
    def function(self):
        if self.call:
            return self.call
        return getattr(slim.layers, self.name)

    @property
    def parameters(self):
        return inspect.signature(self.function).parameters

    def __call__(self, x, scope=None, **kwargs):
        if scope is not None and self.name != "scale_gradient":
            kwargs["name" if "name" in self.parameters else "scope"] = scope
        return self.function(x, *self.args, **{**self.kwargs, **kwargs})

    def inputs(self, batch=ROWS, seed=0):
        rng = np.random.default_rng(seed)
        shape = (batch, *self.shape[1:])
        if self.dtype == np.int64:
            return rng.integers(0, 3, shape)
        return rng.normal(size=shape)


def _there_and_back(x, scope=None):
    return slim.layers.sequence_to_images(slim.layers.images_to_sequence(x), 6, scope=scope)


def _reversible(x, scope=None):
    def half(x):
        return slim.fully_connected(x, 2, activation_fn=slim.tanh)

    with slim.variable_scope(scope, "RevBlock"):
        return slim.concat(slim.layers.rev_block(*slim.split(x, 2, 1), half, half, num_layers=2), 1)


def _recomputed(x, scope=None):
    with slim.variable_scope(scope, "Recomputed"):
        return slim.layers.recompute_grad(lambda x: slim.stack(x, slim.fully_connected, [3, 2], scope="s"))(x)


def _sparse_and_dense(x, scope=None):
    with slim.variable_scope(scope, "DenseToSparse"):
        return sparse_tensor_to_dense(slim.layers.dense_to_sparse(x))


_CUBE = (ROWS, 4, 3, 4, 2)
_BOTH = ("weights", "biases")
_SEPARABLE = ("depthwise_weights", "pointwise_weights", "biases")
_TWICE = ("s_1/weights", "s_1/biases", "s_2/weights", "s_2/biases")
_REVERSIBLE = tuple(
    f"revblock/revlayer_{i}/{half}/fully_connected/{name}" for i in (0, 1) for half in "fg" for name in _BOTH
)
_NORM = ("beta", "gamma")
LAYERS = [
    Layer("conv1d", (3, 2), (ROWS, 6, 4), _BOTH, "Conv", "NCW"),
    Layer("conv2d", (3, [3, 2]), variables=_BOTH, default="Conv", first="NCHW"),
    Layer("conv3d", (3, [2, 2, 2]), _CUBE, _BOTH, "Conv", "NCDHW"),
    Layer("separable_conv2d", (3, [3, 3]), variables=_SEPARABLE, default="SeparableConv2d", first="NCHW"),
    Layer("conv2d_in_plane", ([3, 3],), variables=_BOTH, default="ConvInPlane"),
    Layer("conv2d_transpose", (3, [3, 3], 2), variables=_BOTH, default="Conv2d_transpose", first="NCHW"),
    Layer("conv3d_transpose", (3, [2, 3, 2], 2), _CUBE, _BOTH, "Conv3d_transpose", "NCDHW"),
    Layer("fully_connected", (3,), variables=_BOTH, default="fully_connected"),
    Layer("legacy_fully_connected", (3,), variables=("weights", "bias"), default="fully_connected"),
    *(Layer(name, (3,), variables=_BOTH, default="fully_connected") for name in ("linear", "relu", "relu6", "elu")),
    *(Layer(f"legacy_{name}", (3,), (ROWS, 4), ("weights", "bias"), "fully_connected") for name in ("linear", "relu")),
    Layer("bias_add", variables=("biases",), default="BiasAdd", first="NCHW"),
    Layer("batch_norm", variables=(*_NORM, "moving_mean", "moving_variance"), default="BatchNorm", first="NCHW",
          kwargs={"scale": True}),
    Layer("layer_norm", variables=_NORM, default="LayerNorm", open_sizes=False),
    Layer("instance_norm", variables=_NORM, default="InstanceNorm", first="NCHW"),
    Layer("group_norm", (2,), variables=_NORM, default="GroupNorm"),
    Layer("gdn", variables=("reparam_beta", "reparam_gamma"), default="gdn", first="channels_first"),
    Layer("spatial_softmax", variables=("temperature",), default="spatial_softmax", first="NCHW", open_sizes=False),
    Layer("embed_sequence", (5, 2), (ROWS, 6), ("embeddings",), "EmbedSequence", dtype=np.int64),
    Layer("max_pool2d", ([2, 2],), default="MaxPool2D", first="NCHW"),
    Layer("avg_pool2d", ([3, 2],), default="AvgPool2D", first="NCHW"),
    Layer("max_pool3d", ([2, 2, 2],), _CUBE, default="MaxPool3D", first="NCDHW"),
    Layer("avg_pool3d", ([2, 2, 2],), _CUBE, default="AvgPool3D", first="NCDHW"),
    Layer("pool", ([2, 2], "AVG"), default="avg_pool", first="NCHW"),
    Layer("dropout", (0.7,), default="Dropout", random=True),
    Layer("flatten", default="Flatten", open_sizes=False),
    Layer("unit_norm", (3,), default="UnitNorm"),
    Layer("maxout", (2,), default="MaxOut"),
    Layer("softmax", default="softmax"),
    Layer("images_to_sequence", default="ImagesToSequence", open_sizes=False),
    Layer("sequence_to_images", default="SequenceToImages", open_sizes=False, call=_there_and_back),
    Layer("rev_block", shape=(ROWS, 4), variables=_REVERSIBLE, default="RevBlock", call=_reversible),
    Layer("recompute_grad", (), (ROWS, 4), tuple(f"s/{name}" for name in _TWICE), "Recomputed", call=_recomputed),
    Layer("dense_to_sparse", shape=(ROWS, 6), default="DenseToSparse", call=_sparse_and_dense),
    Layer("one_hot_encoding", (3,), (ROWS, 6), default="OneHotEncoding", dtype=np.int64),
    Layer("scale_gradient", (0.5,), gradients=False),
    Layer("poincare_normalize", default="poincare_normalize"),
    Layer("bucketize", ((-1.0, 0.0, 1.0),), gradients=False),
    Layer("repeat", (2, slim.conv2d, 3, 2), variables=_TWICE),
    Layer("stack", (slim.fully_connected, [3, 2]), variables=_TWICE),
]  # fmt: skip
WITH_VARIABLES = [layer for layer in LAYERS if layer.variables]

every_layer = pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
with_variables = pytest.mark.parametrize("layer", WITH_VARIABLES, ids=lambda layer: layer.name)


def placeholder(layer, shape=None, dtype=None):
    return slim.placeholder(dtype or layer.dtype, [None, *layer.shape[1:]] if shape is None else shape, name="x")


def session_of(seed=1, **kwargs):
    """A session with random values in all variables, those of variances positive."""
    rng = np.random.default_rng(seed)
    session = slim.Session(**kwargs)
    session.run(slim.global_variables_initializer())
    for v in slim.global_variables():
        v.load(rng.uniform(0.3, 0.9, v.shape.as_list()), session)
    return session


def moved(x, to_front):
    """`x` with its channels moved behind the batch, or back."""
    return np.moveaxis(x, -1, 1) if to_front else np.moveaxis(x, 1, -1)


@every_layer
def test_scopes_and_names(layer):
    x = placeholder(layer)
    if layer.default:
        layer(x), layer(x)
        top = {v.op.name.split("/")[0] for v in slim.get_variables()}
        assert top == ({layer.default, f"{layer.default}_1"} if layer.variables else set())
    y = layer(x, scope="s")
    mine = [v.op.name for v in slim.get_variables("s/")]
    assert sorted(mine) == sorted(f"s/{name}" for name in layer.variables)
    assert y.op.name.startswith("s") or layer.name == "scale_gradient"


@with_variables
def test_reuse(layer):
    x = placeholder(layer)
    first = layer(x, scope="s")
    count = len(slim.get_variables())
    with slim.variable_scope("", reuse=True):
        again = layer(x, scope="s")
    assert len(slim.get_variables()) == count == len(layer.variables)
    a, b = session_of().run([first, again], {x: layer.inputs()})
    np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="already exists|already been"):
        layer(x, scope="s")


@with_variables
def test_collections_and_trainable(layer):
    if "variables_collections" not in layer.parameters:
        pytest.skip("takes no collections")
    keywords = {"variables_collections": ["mine"], "trainable": False}
    if "outputs_collections" in layer.parameters:
        keywords["outputs_collections"] = "outs"
    layer(placeholder(layer), scope="s", **keywords)
    assert slim.get_collection("mine") == slim.get_variables() == slim.get_model_variables()
    assert slim.get_trainable_variables() == []
    if "outs" in keywords.values():
        assert slim.layers.utils.convert_collection_to_dict("outs").keys() == {"s"}


@every_layer
def test_arg_scope_reaches_it(layer):
    if not hasattr(layer.function, "_key_op") or "scope" not in layer.parameters:
        pytest.skip("no arg_scope function in TF-Slim either")
    with slim.arg_scope([layer.function], scope="from_arg_scope"):
        y = layer(placeholder(layer))
    assert y.op.name.startswith("from_arg_scope")
    with slim.arg_scope([layer.function], scope="from_arg_scope"):
        assert layer(placeholder(layer), scope="given").op.name.startswith("given")


@every_layer
def test_unknown_batch(layer):
    x = placeholder(layer)
    y = layer(x)
    batch_axis = 1 if layer.name == "images_to_sequence" else 0
    static = y.shape.as_list()
    assert static[batch_axis] is None and None not in static[:batch_axis] + static[batch_axis + 1 :]
    sources = [x, *slim.get_trainable_variables()] if layer.dtype == np.float64 else slim.get_trainable_variables()
    grads = slim.gradients(y, sources) if layer.gradients and sources else []
    grads = [slim.convert_to_tensor(g) for g in grads]
    session = session_of()
    for batch in (1, 4):
        value, *found = session.run([y, *grads], {x: layer.inputs(batch)})
        times = static[:batch_axis] or [1]
        images = batch * int(np.prod(layer.shape[1:2])) if layer.name == "images_to_sequence" else batch
        assert value.shape == (*static[:batch_axis], images, *static[batch_axis + 1 :]), times
        for source, grad in zip(sources, found, strict=False):
            assert grad.shape == ((batch, *layer.shape[1:]) if source is x else tuple(source.shape.as_list()))


@every_layer
def test_unknown_sizes(layer):
    if not layer.open_sizes or layer.dtype == np.int64:
        pytest.skip("needs its sizes, as in TF-Slim")
    known, unknown = placeholder(layer), placeholder(layer, [None] * (len(layer.shape) - 1) + [layer.shape[-1]])
    slim.set_random_seed(1)
    first = layer(known, scope="s")
    with slim.variable_scope("", reuse=True):
        second = layer(unknown, scope="s")
    session, x = session_of(), layer.inputs()
    assert second.shape.ndims == first.shape.ndims
    if not layer.random:
        a, b = session.run([first, second], {known: x, unknown: x})
        np.testing.assert_array_equal(a, b)


@every_layer
def test_channels_first_is_the_transposed_layer(layer):
    if layer.first is None:
        assert "data_format" not in layer.parameters or layer.name in ("images_to_sequence",)
        return
    x = placeholder(layer)
    rank = len(layer.shape)
    last = layer(x, scope="s")
    turned = slim.transpose(x, [0, rank - 1, *range(1, rank - 1)])
    with slim.variable_scope("", reuse=True):
        first = layer(turned, scope="s", data_format=layer.first)
    a, b = session_of().run([last, first], {x: layer.inputs()})
    if layer.name == "spatial_softmax":
        np.testing.assert_allclose(b, a, rtol=1e-12)
    else:
        np.testing.assert_allclose(b, moved(a, True), rtol=1e-12, atol=1e-12)


@every_layer
def test_kernels_and_device_agree(layer):
    x = placeholder(layer)
    slim.set_random_seed(3)
    y = layer(x, scope="s")
    fetches = [y]
    if layer.gradients and layer.dtype == np.float64:
        fetches += slim.gradients(y, [x])
    feeds = {x: layer.inputs()}
    plain = session_of(kernels="plain").run(fetches, feeds)
    others = [session_of(kernels=kernels).run(fetches, feeds) for kernels in ("fast", "reference")]
    with fake_cupy.active():
        others.append(session_of(device="gpu").run(fetches, feeds))
    for other in others:
        for a, b in zip(plain, other, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-11, atol=1e-11)


@every_layer
def test_gradients_in_float64(layer):
    """Along a random direction of the inputs and of every variable: four points, exact to the fourth order."""
    if not layer.gradients or (layer.dtype == np.int64 and not layer.variables):
        assert layer.name in ("scale_gradient", "bucketize", "one_hot_encoding")
        return
    floating = layer.dtype == np.float64
    x = placeholder(layer)
    slim.set_random_seed(5)
    smooth = {"activation_fn": slim.tanh} if "activation_fn" in layer.parameters else {}
    with slim.arg_scope([slim.conv2d, slim.fully_connected], activation_fn=slim.tanh):
        y = layer(x, scope="s", **smooth)
    if y.dtype != slim.float64:
        pytest.skip("its variables are float32, as in TF-Slim")
    rng = np.random.default_rng(7)
    loss = slim.reduce_sum(
        y
        * slim.constant(
            rng.normal(size=(1, *y.shape.as_list()[1:]) if layer.name != "images_to_sequence" else (1, 1, 1))
        )
    )
    variables = slim.get_trainable_variables()
    sources = [*([x] if floating else []), *variables]
    symbols = slim.gradients(loss, sources)
    session = session_of(9)
    at = {v: np.asarray(session.run(v)) for v in variables} | ({x: layer.inputs(seed=11)} if floating else {})
    steps = {s: rng.normal(size=value.shape) for s, value in at.items()}

    def value_at(t):
        for v in variables:
            v.load(at[v] + t * steps[v], session)
        feed = at[x] + t * steps[x] if floating else layer.inputs(seed=11)
        if layer.random:
            session.store.draws.clear()
        return session.run([loss, *symbols], {x: feed})

    h = 1e-3
    ahead, behind, far_ahead, far_behind = (value_at(t)[0] for t in (h, -h, 2 * h, -2 * h))
    measured = (8 * (ahead - behind) - (far_ahead - far_behind)) / (12 * h)
    _, *found = value_at(0.0)
    terms = [(np.asarray(g) * steps[s]).sum() for g, s in zip(found, sources, strict=True)]
    size = sum(np.abs(np.asarray(g) * steps[s]).sum() for g, s in zip(found, sources, strict=True))
    assert abs(sum(terms) - measured) <= 1e-7 * max(size, 1e-3)


def test_every_layer_is_here():
    tested = {layer.name for layer in LAYERS}
    functions = [getattr(slim.layers, name) for name in tested]
    aliases = {name for name in slim.layers.__all__ if getattr(slim.layers, name) in functions}
    aliases.add("convolution")  # conv1d to conv3d are its forms
    no_layers = {
        "GDN", "OPTIMIZER_CLS_NAMES", "OPTIMIZER_SUMMARIES", "RevBlock", "adaptive_clipping_fn",
        "apply_regularization", "l1_l2_regularizer", "l1_regularizer",
        "l2_regularizer", "optimize_loss", "sum_regularizer", "summarize_activation", "summarize_activations",
        "summarize_biases", "summarize_collection", "summarize_tensor", "summarize_tensors", "summarize_variables",
        "summarize_weights", "utils", "variance_scaling_initializer", "xavier_initializer",
        "xavier_initializer_conv2d", "safe_embedding_lookup_sparse",
    }  # fmt: skip
    assert set(slim.layers.__all__) - aliases - no_layers == set()
