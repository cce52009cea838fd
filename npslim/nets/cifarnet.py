"""CifarNet, the small convolutional net of the CIFAR-10 tutorials, as TF-Slim's model library has it."""

from npslim.initializers import constant_initializer, truncated_normal_initializer, zeros_initializer
from npslim.layers import conv2d, dropout, flatten, fully_connected, max_pool2d, softmax
from npslim.ops.activation import relu
from npslim.ops.normalize import local_response_normalization as lrn
from npslim.regularizers import l2_regularizer
from npslim.scopes import arg_scope, variable_scope


def cifarnet(images, num_classes=10, is_training=False, dropout_keep_prob=0.5, prediction_fn=softmax, scope="CifarNet"):
    """(logits, end_points) for `images` `[n, 32, 32, c]`: logits are `[n, num_classes]`.

    num_classes: None leaves out the last layer and gives the 192 features instead.
    end_points: a dictionary of the layers' outputs, with "Logits" and "Predictions".
    """
    end_points = {}
    with variable_scope(scope, "CifarNet", [images]):
        net = end_points["conv1"] = conv2d(images, 64, [5, 5], scope="conv1")
        net = end_points["pool1"] = max_pool2d(net, [2, 2], 2, scope="pool1")
        net = lrn(net, depth_radius=4, bias=1.0, alpha=0.001 / 9.0, beta=0.75, name="norm1")
        net = end_points["conv2"] = conv2d(net, 64, [5, 5], scope="conv2")
        net = lrn(net, depth_radius=4, bias=1.0, alpha=0.001 / 9.0, beta=0.75, name="norm2")
        net = end_points["pool2"] = max_pool2d(net, [2, 2], 2, scope="pool2")
        net = end_points["Flatten"] = flatten(net)
        net = end_points["fc3"] = fully_connected(net, 384, scope="fc3")
        net = dropout(net, dropout_keep_prob, is_training=is_training, scope="dropout3")
        net = end_points["fc4"] = fully_connected(net, 192, scope="fc4")
        if not num_classes:
            return net, end_points
        logits = end_points["Logits"] = fully_connected(
            net, num_classes,
            biases_initializer=zeros_initializer(), weights_initializer=truncated_normal_initializer(stddev=1 / 192.0),
            weights_regularizer=None, activation_fn=None, scope="logits",
        )  # fmt: skip
        end_points["Predictions"] = prediction_fn(logits, scope="Predictions")
    return logits, end_points


cifarnet.default_image_size = 32


def cifarnet_arg_scope(weight_decay=0.004):
    """The defaults that `cifarnet` is trained with; `weight_decay` is that of the fully connected layers."""
    with (
        arg_scope([conv2d], weights_initializer=truncated_normal_initializer(stddev=5e-2), activation_fn=relu),
        arg_scope(
            [fully_connected],
            biases_initializer=constant_initializer(0.1),
            weights_initializer=truncated_normal_initializer(stddev=0.04),
            weights_regularizer=l2_regularizer(weight_decay),
            activation_fn=relu,
        ) as scope,
    ):
        return scope
