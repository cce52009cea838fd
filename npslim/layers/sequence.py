"""Layers between images and sequences, as recurrent text readers use them: each row of pixels is a sequence."""

from npslim.caller import user_line
from npslim.errors import ShapeError
from npslim.layers.common import collect_named_outputs, first_channels, layer_without_variables, static_shape
from npslim.ops.shape import reshape, shape, transpose
from npslim.scopes import add_arg_scope
from npslim.spec import show_shape


@add_arg_scope
def images_to_sequence(inputs, data_format="NHWC", outputs_collections=None, scope=None):
    """Each row of each image as a sequence of its columns.

    inputs: `[n, h, w, c]`, or `[n, c, h, w]` for data_format "NCHW"; c known. Returns `[w, n * h, c]`.
    Raises ValueError for another rank or data_format.
    """
    with layer_without_variables(scope, "ImagesToSequence", inputs) as (opened, inputs):
        _check_rank("images_to_sequence", inputs, 4)
        first = first_channels(data_format)
        n, *rest = static_shape(inputs)
        (channels, height, width) = rest if first else (rest[2], rest[0], rest[1])
        columns = transpose(inputs, [3, 0, 2, 1] if first else [2, 0, 1, 3])
        width = shape(columns)[0] if width is None else width
        rows = n * height if n is not None and height is not None else -1
        outputs = reshape(columns, [width, rows, channels], name="Reshape")
        return collect_named_outputs(outputs_collections, opened, outputs)


@add_arg_scope
def sequence_to_images(inputs, height, output_data_format="channels_last", outputs_collections=None, scope=None):
    """Sequences put together to images of `height` rows: what undoes `images_to_sequence`.

    inputs: `[w, n * height, c]`, c known. Returns `[n, height, w, c]`, or `[n, c, height, w]` for output_data_format
    "channels_first". Raises ValueError for another rank.
    """
    with layer_without_variables(scope, "SequenceToImages", inputs) as (opened, inputs):
        _check_rank("sequence_to_images", inputs, 3)
        width, rows, channels = static_shape(inputs)
        n = -1 if rows is None else rows // height
        width = shape(inputs)[0] if width is None else width
        images = reshape(inputs, [width, n, height, channels])
        order = [1, 3, 2, 0] if output_data_format in ("channels_first", "NCHW") else [1, 2, 0, 3]
        outputs = transpose(images, order, name="transpose")
        return collect_named_outputs(outputs_collections, opened, outputs)


def _check_rank(name, inputs, rank):
    if inputs.spec.rank != rank:
        raise ShapeError(
            f"{name}: the inputs have the wrong rank.", expected=f"rank {rank}",
            got=f"{inputs.name} {show_shape(inputs.spec.shape)}", made_at=user_line(),
        )  # fmt: skip
