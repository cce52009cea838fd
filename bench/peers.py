"""The libraries that are measured, each behind the few calls that `nets.py` makes.

A library gives `step(net, name)`: a function that makes one training step and returns the loss. Those that define while
they run make their parameters in the first step. Each is imported in the function that needs it.
"""

import contextlib
import importlib
from types import SimpleNamespace

LEARNING_RATE, MOMENTUM = 0.001, 0.9


def data(net):
    """Images, and labels of one 1 a row: the same for every library."""
    np = importlib.import_module("numpy")
    rng = np.random.default_rng(1)
    images = rng.normal(size=(net.batch, *net.size)).astype("float32")
    return images, np.eye(net.classes, dtype="float32")[rng.integers(net.classes, size=net.batch)]


# ---- libraries with slim's calls: define, then run


def npslim(kernels, threads):
    """npslim with the few functions beyond slim's that the nets need."""
    slim = importlib.import_module("npslim")
    optimizers = importlib.import_module("npslim.optimizers")
    lib = SimpleNamespace(
        slim=slim, concat=slim.concat, relu=slim.relu, placeholder=slim.placeholder, seed=slim.set_random_seed,
        initializer=slim.global_variables_initializer, optimizer=optimizers.MomentumOptimizer,
        session=lambda: slim.Session(kernels=kernels, threads=threads),
        version="NumPy " + importlib.import_module("numpy").__version__,
    )  # fmt: skip
    lib.step = lambda net, name: train_step(lib, net)
    return lib


def tensorflow(kernels, threads):
    """TensorFlow with tf_slim."""
    importlib.import_module("tfshim")
    tf = importlib.import_module("tensorflow.compat.v1")
    tf.disable_v2_behavior()
    config = tf.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1)
    lib = SimpleNamespace(
        slim=importlib.import_module("tf_slim"), concat=tf.concat, relu=tf.nn.relu, placeholder=tf.placeholder,
        seed=tf.set_random_seed, initializer=tf.global_variables_initializer, optimizer=tf.train.MomentumOptimizer,
        session=lambda: tf.Session(config=config), version=tf.__version__,
    )  # fmt: skip
    lib.step = lambda net, name: train_step(lib, net)
    return lib


def train_step(lib, net):
    """A function that makes one training step on random images, and returns the loss."""
    lib.seed(1)
    images = lib.placeholder("float32", [net.batch, *net.size])
    labels = lib.placeholder("float32", [net.batch, net.classes])
    loss = lib.slim.losses.softmax_cross_entropy(net.logits(lib, images), labels)
    train_op = lib.slim.learning.create_train_op(loss, lib.optimizer(LEARNING_RATE, MOMENTUM))
    session = lib.session()
    session.run(lib.initializer())
    feeds = dict(zip((images, labels), data(net), strict=True))
    return lambda: float(session.run(train_op, feeds))


# ---- PyTorch: slim's calls as modules that are made when they are first met


def torch(kernels, threads):
    """PyTorch on its CPU, channels last in memory, which is its better layout for most of these nets."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    lib = SimpleNamespace(version=torch.__version__, relu=lambda x: Channels(torch.relu(x.t)))
    lib.slim = TorchSlim(torch)
    lib.concat = lambda parts, axis: Channels(torch.cat([part.t for part in parts], 1))

    def step(net, name):
        images, labels = data(net)
        x = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        target = torch.from_numpy(labels.argmax(1))
        net.logits(lib, Channels(x))
        modules = torch.nn.ModuleList(lib.slim.made.values()).to(memory_format=torch.channels_last)
        optimizer = torch.optim.SGD(modules.parameters(), LEARNING_RATE, MOMENTUM)

        def one():
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(net.logits(lib, Channels(x)).t, target)
            loss.backward()
            optimizer.step()
            return float(loss.detach())

        return one

    lib.step = step
    return lib


class Channels:
    """A torch tensor `[n, c, h, w]` whose shape reads as slim's: `[n, h, w, c]`."""

    def __init__(self, t):
        self.t = t

    @property
    def shape(self):
        n, c, *sizes = self.t.shape
        return (n, *sizes, c)

    def __add__(self, other):
        return Channels(self.t + other.t)


class TorchSlim:
    """slim's layers for torch; a module is made for a scope when it is first met."""

    def __init__(self, torch):
        self.torch, self.nn, self.made, self.defaults = torch, torch.nn, {}, {}
        self.losses = self.learning = None

    @contextlib.contextmanager
    def arg_scope(self, functions, **defaults):
        before, self.defaults = self.defaults, defaults
        yield
        self.defaults = before

    def batch_norm(self):
        """A marker."""

    def module(self, scope, make):
        if scope not in self.made:
            self.made[scope] = make()
        return self.made[scope]

    def _padded(self, x, kernel, stride, padding, value=0.0):
        """What "SAME" adds; as much on the far sides as torch cannot."""
        if padding == "VALID":
            return x
        pads = []
        for size, k in zip(reversed(x.shape[2:]), reversed(kernel), strict=True):
            total = max((-(-size // stride) - 1) * stride + k - size, 0)
            pads += [total // 2, total - total // 2]
        return self.nn.functional.pad(x, pads, value=value) if any(pads) else x

    def _finished(self, x, depth, scope, activation):
        if "normalizer_fn" in self.defaults and activation is not self.logits:
            x = self.module(scope + "/norm", lambda: self.nn.BatchNorm2d(depth, eps=0.001))(x)
        return Channels(x if activation in (None, self.logits) else self.torch.relu(x))

    logits = object()

    def conv2d(self, x, depth, kernel, stride=1, padding="SAME", activation_fn="relu", scope=None):
        bias = "normalizer_fn" not in self.defaults
        layer = self.module(scope, lambda: self.nn.Conv2d(x.shape[3], depth, tuple(kernel), stride, bias=bias))
        return self._finished(layer(self._padded(x.t, kernel, stride, padding)), depth, scope, activation_fn)

    def separable_conv2d(self, x, depth, kernel, multiplier, stride=1, scope=None):
        c = x.shape[3]
        layer = self.module(scope, lambda: self.nn.Conv2d(c, c, tuple(kernel), stride, groups=c, bias=False))
        return self._finished(layer(self._padded(x.t, kernel, stride, "SAME")), c, scope, "relu")

    def repeat(self, x, times, layer, *args, scope):
        for i in range(1, times + 1):
            x = layer(x, *args, scope=f"{scope}_{i}")
        return x

    def max_pool2d(self, x, kernel, stride=2, padding="VALID", scope=None):
        padded = self._padded(x.t, kernel, stride, padding, -float("inf"))
        return Channels(self.nn.functional.max_pool2d(padded, kernel, stride))

    def avg_pool2d(self, x, kernel, stride=2, padding="VALID", scope=None):
        pads = [k // 2 for k in kernel] if padding == "SAME" else 0
        pool = self.nn.functional.avg_pool2d
        return Channels(pool(x.t, kernel, stride, padding=pads, count_include_pad=False))

    def flatten(self, x):
        return Channels(x.t.flatten(1))

    def fully_connected(self, x, depth, activation_fn="relu", scope=None):
        layer = self.module(scope, lambda: self.nn.Linear(x.t.shape[1], depth))
        y = layer(x.t)
        return Channels(y if activation_fn is None else self.torch.relu(y))


# ---- teaching libraries: the first two nets


def _parameters(net, name, channels_first=True):
    """Weights and biases of the mlp or of lenet, by Xavier's rule."""
    np = importlib.import_module("numpy")
    rng, size = np.random.default_rng(1), net.size[0] * net.size[1]
    kernels = [] if name == "mlp" else [(32, 1, 5, 5), (64, 32, 5, 5)]
    dense = [(size, 512), (512, 256), (256, 10)] if name == "mlp" else [(size // 16 * 64, 1024), (1024, 10)]
    found = []
    for shape in (*kernels, *dense):
        fan = int(np.prod(shape[1:])) if len(shape) == 4 else shape[0]
        found.append(rng.normal(size=shape, scale=fan**-0.5).astype("float32"))
        found.append(np.zeros(shape[0] if len(shape) == 4 else shape[1], "float32"))
    return found


def dezero(kernels, threads):
    """DeZero, of the book "Deep Learning from Scratch 3"."""
    numpy = importlib.import_module("numpy")
    numpy.int = int  # a name that DeZero 0.0.13 uses and NumPy has dropped
    dezero = importlib.import_module("dezero")
    F = importlib.import_module("dezero.functions")

    def step(net, name):
        images, labels = data(net)
        images, labels = images.transpose(0, 3, 1, 2).copy(), labels.argmax(1)
        parameters = [dezero.Parameter(p) for p in _parameters(net, name)]
        velocities = [0 * p.data for p in parameters]

        def one():
            left, x = iter(parameters), dezero.Variable(images)
            for _ in range(0 if name == "mlp" else 2):
                x = F.pooling(F.relu(F.conv2d(x, next(left), next(left), stride=1, pad=2)), 2, 2)
            x = F.reshape(x, (net.batch, -1))
            dense = list(left)
            for i in range(0, len(dense), 2):
                x = F.linear(x if i == 0 else F.relu(x), dense[i], dense[i + 1])
            loss = F.softmax_cross_entropy(x, labels)
            for p in parameters:
                p.cleargrad()
            loss.backward()
            for p, v in zip(parameters, velocities, strict=True):
                v *= MOMENTUM
                v += p.grad.data
                p.data -= LEARNING_RATE * v
            return float(loss.data)

        return one

    return SimpleNamespace(version="0.0.13", step=step)


def mygrad(kernels, threads):
    """MyGrad: automatic differentiation of NumPy arrays."""
    mygrad = importlib.import_module("mygrad")
    nnet = importlib.import_module("mygrad.nnet")

    def step(net, name):
        images, labels = data(net)
        images, labels = images.transpose(0, 3, 1, 2).copy(), labels.argmax(1)
        parameters = [mygrad.tensor(p) for p in _parameters(net, name)]
        velocities = [0 * p.data for p in parameters]

        def one():
            left, x = iter(parameters), mygrad.tensor(images, constant=True)
            for _ in range(0 if name == "mlp" else 2):
                w, b = next(left), next(left)
                x = nnet.relu(nnet.conv_nd(x, w, stride=1, padding=2) + b.reshape(1, -1, 1, 1))
                x = nnet.max_pool(x, (2, 2), 2)
            x = x.reshape(net.batch, -1)
            dense = list(left)
            for i in range(0, len(dense), 2):
                x = (x if i == 0 else nnet.relu(x)) @ dense[i] + dense[i + 1]
            loss = nnet.softmax_crossentropy(x, labels)
            loss.backward()
            for p, v in zip(parameters, velocities, strict=True):
                v *= MOMENTUM
                v += p.grad
                p.data -= LEARNING_RATE * v
            return float(loss.data)

        return one

    return SimpleNamespace(version=mygrad.__version__, step=step)


def autograd(kernels, threads):
    """autograd, with the convolution that it has: `autograd.scipy.signal.convolve`."""
    grad = importlib.import_module("autograd").value_and_grad
    np = importlib.import_module("autograd.numpy")
    convolve = importlib.import_module("autograd.scipy.signal").convolve

    def forward(parameters, images, labels, convolutions):
        left, x = iter(parameters), images
        for _ in range(convolutions):
            w, b = next(left), next(left)
            x = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)), "constant")
            x = convolve(x, w, axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid") + b.reshape(1, -1, 1, 1)
            x = np.maximum(x, 0)
            n, c, h, w = x.shape
            x = np.max(np.max(np.reshape(x, (n, c, h // 2, 2, w // 2, 2)), axis=5), axis=3)
        x = np.reshape(x, (len(images), -1))
        dense = list(left)
        for i in range(0, len(dense), 2):
            x = np.dot(x if i == 0 else np.maximum(x, 0), dense[i]) + dense[i + 1]
        x = x - np.max(x, axis=1, keepdims=True)
        return np.mean(np.log(np.sum(np.exp(x), axis=1)) - np.sum(labels * x, axis=1))

    def step(net, name):
        images, labels = data(net)
        images, parameters = images.transpose(0, 3, 1, 2).copy(), _parameters(net, name)
        velocities, work = [0 * p for p in parameters], grad(forward)

        def one():
            loss, grads = work(parameters, images, labels, 0 if name == "mlp" else 2)
            for p, v, g in zip(parameters, velocities, grads, strict=True):
                v *= MOMENTUM
                v += g
                p -= LEARNING_RATE * v
            return float(loss)

        return one

    return SimpleNamespace(version="1.9", step=step)


LIBRARIES = {
    "npslim": npslim, "tensorflow": tensorflow, "torch": torch, "dezero": dezero, "mygrad": mygrad, "autograd": autograd
}  # fmt: skip
TEACHING = ("dezero", "mygrad", "autograd")  # they run the first two nets
