"""Sizes of models against numbers counted by hand."""

import numpy as np

import npslim as slim
from npslim import model_analyzer


def test_descriptions_and_sizes(capsys):
    x = slim.placeholder(slim.float32, [None, 3])
    w = slim.get_variable("w", [3, 4])
    v = slim.get_variable("v", [2], slim.float64)
    assert model_analyzer.tensor_description(w) == "(float32_ref 3x4)"
    assert model_analyzer.tensor_description(x) == "(float32 ?x3)"
    assert model_analyzer.tensor_description(slim.constant(1)) == "(int32 )"
    assert model_analyzer.analyze_vars([w, v], print_info=True) == (14, 64)
    assert capsys.readouterr().out == (
        "---------\nVariables: name (type shape) [size]\n---------\n"
        "w:0 (float32_ref 3x4) [12, bytes: 48]\nv:0 (float64_ref 2) [2, bytes: 16]\n"
        "Total size of variables: 14\nTotal bytes of variables: 64\n"
    )


def test_operations(capsys):
    x = slim.placeholder(slim.float32, [None, 3], name="x")
    slim.add(x, 1.0, name="add")
    assert model_analyzer.analyze_ops(slim.get_default_graph(), print_info=True) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "Operations: name -> (type shapes) [size]"
    assert "x \t-> (float32 ?x3) [0]" in lines and lines[-1] == "add \t-> (float32 ?x3) [0]"


def test_summary_of_layers():
    x = slim.placeholder(slim.float32, [None, 8, 6, 3])
    y = slim.conv2d(x, 5, [3, 2], scope="conv")
    y = slim.separable_conv2d(y, 7, [3, 3], scope="sep")
    y = slim.conv2d_transpose(y, 2, [2, 2], stride=2, scope="up")
    y = slim.fully_connected(slim.flatten(y), 10, scope="fc")
    slim.gradients(y, slim.get_trainable_variables())
    table = model_analyzer.summary(batch=4)
    rows = {row.scope: row for row in table.rows}
    places = 4 * 8 * 6
    assert rows["conv"].parameters == 3 * 2 * 3 * 5 + 5 and rows["conv"].output == "?x8x6x5"
    assert rows["conv"].multiply_adds == places * 5 * 3 * 2 * 3
    assert rows["sep"].multiply_adds == places * (5 * 9 + 5 * 7)
    assert rows["up"].multiply_adds == places * 7 * 2 * 2 * 2
    assert rows["fc"].multiply_adds == 4 * (16 * 12 * 2) * 10
    assert rows["fc"].activation_bytes == 3 * 4 * 10 * 4  # product, biases, relu
    assert table.parameters == sum(int(np.prod(v.shape.as_list())) for v in slim.get_model_variables())
    text = str(table)
    assert text.splitlines()[0].split() == ["scope", "output", "parameters", "multiply-adds", "activations"]
    assert "batch of 4" in text.splitlines()[-1] and len({len(line) for line in text.splitlines()[1:]}) == 1
    assert [row.scope for row in model_analyzer.summary(scope="sep").rows] == ["sep"]
