"""LeNet (LeCun et al., 1998), as TF-Slim's model library has it: two convolutions, two fully connected layers."""

from npslim.initializers import truncated_normal_initializer
from npslim.layers import conv2d, dropout, flatten, fully_connected, max_pool2d, softmax
from npslim.ops.activation import relu
from npslim.regularizers import l2_regularizer
from npslim.scopes import arg_scope, variable_scope


def lenet(images, num_classes=10, is_training=False, dropout_keep_prob=0.5, prediction_fn=softmax, scope="LeNet"):
    """(logits, end_points) for `images` `[n, 28, 28, c]`: logits are `[n, num_classes]`.

    num_classes: None leaves out the last layer and gives the dropped-out features instead.
    end_points: a dictionary of the layers' outputs, with "Logits" and "Predictions".
    """
    end_points = {}
    with variable_scope(scope, "LeNet", [images]):
        net = end_points["conv1"] = conv2d(images, 32, [5, 5], scope="conv1")
        net = end_points["pool1"] = max_pool2d(net, [2, 2], 2, scope="pool1")
        net = end_points["conv2"] = conv2d(net, 64, [5, 5], scope="conv2")
        net = end_points["pool2"] = max_pool2d(net, [2, 2], 2, scope="pool2")
        net = flatten(net)
        end_points["Flatten"] = net
        net = end_points["fc3"] = fully_connected(net, 1024, scope="fc3")
        if not num_classes:
            return net, end_points
        net = end_points["dropout3"] = dropout(net, dropout_keep_prob, is_training=is_training, scope="dropout3")
        logits = end_points["Logits"] = fully_connected(net, num_classes, activation_fn=None, scope="fc4")
    end_points["Predictions"] = prediction_fn(logits, scope="Predictions")
    return logits, end_points


lenet.default_image_size = 28


def lenet_arg_scope(weight_decay=0.0):
    """The defaults that `lenet` is trained with."""
    with arg_scope(
        [conv2d, fully_connected],
        weights_regularizer=l2_regularizer(weight_decay),
        weights_initializer=truncated_normal_initializer(stddev=0.1),
        activation_fn=relu,
    ) as scope:
        return scope
