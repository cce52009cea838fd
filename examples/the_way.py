"""The whole way in sixty lines: define, plan, run, gradients, update, save, restore.

    python examples/the_way.py

A straight line is fitted to points. Nothing here is hidden in a layer: read it with docs/reading.md beside it.
"""

import os
import tempfile

import numpy as np

import npslim as slim

# DEFINE. Calling an op computes nothing: it appends a node to the graph's list. A shape may be unknown in part.
slim.set_random_seed(1)
x = slim.placeholder(slim.float32, [None, 1], name="x")
y = slim.placeholder(slim.float32, [None, 1], name="y")
w = slim.get_variable("w", [1, 1])
b = slim.get_variable("b", [1], initializer=slim.zeros_initializer())
error = slim.matmul(x, w) + b - y
loss = slim.reduce_mean(slim.square(error), name="loss")
graph = slim.get_default_graph()
print("the graph, one line a node:", graph.describe(), sep="\n")

# PLAN. Definition order is a running order, so a plan is a filter of the list: what `loss` needs, and nothing else.
session = slim.Session()
points = {x: np.linspace(-1, 1, 20).reshape(20, 1), y: 3 * np.linspace(-1, 1, 20).reshape(20, 1) + 0.5}
print("\nthe plan for the loss:", session.explain(loss, points), sep="\n")

# RUN. The session holds the variables; the values of a run are gone when it ends.
session.run(slim.global_variables_initializer())
print("\nloss at the start:", session.run(loss, points))

# GRADIENTS. The backward pass is more graph, appended to the same list, so it can be differentiated again.
before = graph.version
dw, db = slim.gradients(loss, [w, b])
print("\nthe gradients' nodes:", *(node.describe() for node in graph.get_operations()[before:]), sep="\n")
(curvature,) = slim.gradients(db, [b])
print("\nd loss / db and its own derivative:", *session.run([db, curvature], points))

# UPDATE. A step of gradient descent is two more nodes; an optimizer makes the same, with its own name.
step = slim.group(w.assign_sub(0.2 * dw), b.assign_sub(0.2 * db))
for _ in range(100):
    session.run(step, points)
print("\nafter 100 steps: loss, w, b =", *session.run([loss, w, b], points))

# SAVE and RESTORE. A checkpoint is an HDF5 file; another session, another process, another year reads it.
saver = slim.Saver()
with tempfile.TemporaryDirectory() as folder:
    path = saver.save(session, os.path.join(folder, "line"), global_step=100)
    fresh = slim.Session()
    saver.restore(fresh, path)
    print("\nrestored from", os.path.basename(path), ": loss =", fresh.run(loss, points))
    assert fresh.run(loss, points) == session.run(loss, points)  # noqa: S101 - an example may say what must hold
