"""Calls of TensorFlow's names, as text: run with npslim.tf by the tests, and with TensorFlow when they are recorded.

A line is an expression over `tf` and `np`; its value is what a session gives for it. `M` is float32 [3, 4], `I` int32
[3, 4] between 0 and 5, `V` float32 [6] with equal elements, `S` strings [3], `C` complex64 [2, 3], `Q` float32
[2, 3, 3] regular matrices, `P` float32 [2, 5, 6, 2] images, `L` int64 [2, 2] classes of three, `T` float32 [6, 3, 4]
logits in time, `W` sparse int32 labels for them.
"""

CALLS = r"""
tf.sequence_mask([1, 3, 2])
tf.sequence_mask([[1, 3], [2, 0]], 4, tf.float32)
tf.broadcast_to(M[0], [2, 3, 4])
tf.broadcast_to(3, [2])
tf.dynamic_partition(V, [0, 2, 0, 1, 2, 2], 3)
tf.dynamic_partition(M, [1, 0, 1], 2)
tf.dynamic_stitch([[0, 2], [1, 3]], [M[:2], M[1:3]])
tf.dynamic_stitch([4, [1, 0], [[2, 3]]], [M[0], M[1:3], [M[:2]]])
tf.gradients(tf.dynamic_stitch([[0, 2], [1, 3]], [M[:2], M[1:3]]) * 2., M)[0]
tf.batch_gather(M, [[0, 3], [1, 1], [2, 0]])
tf.batch_gather(P, [[4, 0], [1, 2]])
tf.gradients(tf.batch_gather(M, [[0, 3], [1, 1], [2, 0]]) * 3., M)[0]
tf.gather_nd(M, [[0], [3], [1]], batch_dims=1)
tf.gather(M, [[0, 3], [1, 1], [2, 0]], batch_dims=1)
tf.matrix_band_part(M, 1, 0)
tf.matrix_band_part(Q, -1, 1)
tf.matrix_band_part(I, 0, -1)
tf.sort(V)
tf.sort(M, 0, 'DESCENDING')
tf.sort(I)
tf.argsort(V, stable=True)
tf.argsort(M, axis=0, direction='DESCENDING')
tf.roll(M, 1, 0)
tf.roll(M, [1, -2], [0, 1])
tf.manip.roll(V, 8, 0)
tf.ensure_shape(M, [None, 4])
tf.bincount(I)
tf.bincount(I, minlength=8)
tf.bincount(I, maxlength=3)
tf.bincount(I, weights=M)
tf.bincount(I, dtype=tf.float64)
tf.histogram_fixed_width(V, [0., 2.], nbins=4)
tf.histogram_fixed_width_bins(V, [0., 2.], nbins=4)
tf.setdiff1d([1, 5, 3, 1, 2], [1, 3])
tf.unique_with_counts(V)
tf.unique_with_counts([3, 1, 3], tf.int64)
tf.invert_permutation([2, 0, 1])
tf.reverse_sequence(M, [1, 4, 3], seq_axis=1)
tf.real(C)
tf.imag(C)
tf.conj(C)
tf.angle(C)
tf.complex(M, M[:, ::-1])
tf.real(M)
tf.matrix_inverse(Q)
tf.matrix_inverse(Q, adjoint=True)
tf.matrix_determinant(Q)
tf.matrix_solve(Q, Q[:, :, :2])
tf.matrix_solve(Q, Q[:, :, :2], adjoint=True)
tf.linalg.inv(Q)
tf.linalg.band_part(Q, 0, 0)
tf.gradients(tf.matrix_inverse(Q), Q)[0]
tf.gradients(tf.matrix_determinant(Q), Q)[0]
tf.gradients(tf.matrix_solve(Q, Q[:, :, :2]), Q)[0]
tf.bitwise.left_shift(I, 3)
tf.bitwise.right_shift(I * 100 - 250, 3)
tf.bitwise.bitwise_xor(I, 5)
tf.where_v2(M > 0.5, M, 0.)
tf.as_string(M)
tf.as_string(I)
tf.as_string(M > 0.5)
tf.as_string(M, precision=2)
tf.as_string(M, scientific=True)
tf.as_string(M, shortest=True)
tf.as_string(I, width=4)
tf.as_string(I, width=4, fill='0')
tf.as_string(I, width=4, fill='-')
tf.string_join([S, S], '-')
tf.string_join(['a', S])
tf.strings.join([S, 'x'], separator=', ')
tf.string_split(S)
tf.string_split(S, delimiter='eo')
tf.string_split(S, delimiter='')
tf.string_split(S, delimiter=' ', skip_empty=False)
tf.substr(S, 1, 3)
tf.substr(S, -3, 2)
tf.substr(S, [0, 1, 2], [1, 2, 3])
tf.reduce_join([['a', 'b'], ['c', 'd']], 0)
tf.reduce_join([['a', 'b'], ['c', 'd']], [1, 0], separator=' ')
tf.reduce_join([['a', 'b'], ['c', 'd']], -1, keep_dims=True)
tf.reduce_join([['a', 'b'], ['c', 'd']])
tf.string_strip(['  a b ', 'c\n'])
tf.strings.strip(S)
tf.strings.lower(S)
tf.strings.upper(S)
tf.strings.length(S)
tf.strings.length(['\u00e9t\u00e9'], unit='UTF8_CHAR')
tf.strings.to_number(['1.5', '-3e2'])
tf.regex_replace(S, 'o+', '0')
tf.regex_replace(S, '(l)(.)', r'\2\1', replace_global=False)
tf.encode_base64(S)
tf.encode_base64(S, pad=True)
tf.decode_base64(['YWJj', '_-8', 'YQ=='])
tf.string_to_hash_bucket_fast(S, 1000)
tf.strings.to_hash_bucket_fast([['', 'a'], ['abcdefghijklmnopqrstuvwxyz' * 9, 'x' * 40]], 2**40)
tf.decode_csv(['1,2.5,"a,b"', '3,,c'], [[0], [1.5], ['z']])
tf.decode_csv(['1;2', '3;4'], [tf.constant([0], tf.int64)], field_delim=';', select_cols=[1])
tf.decode_csv('7,NA', [[0], [9]], na_value='NA')
tf.nn.sufficient_statistics(M, [0])[:3]
tf.nn.sufficient_statistics(M, [0, 1], shift=0.5, keep_dims=True)
tf.nn.normalize_moments(*tf.nn.sufficient_statistics(M, [1], shift=0.5))
tf.nn.depth_to_space(tf.reshape(P, [2, 5, 3, 4]), 2)
tf.space_to_batch(P[:, :4], [[0, 0], [1, 1]], 2)
tf.batch_to_space(tf.reshape(P, [4, 5, 3, 2]), [[0, 1], [1, 0]], 2)
tf.sparse_tensor_dense_matmul(tf.SparseTensor([[0, 1], [2, 0], [2, 3]], [1., 2., -3.], [3, 4]), tf.transpose(M))
tf.sparse_tensor_dense_matmul(tf.SparseTensor([[0, 1], [2, 0], [2, 3]], [1., 2., -3.], [3, 4]), M, adjoint_a=True)
tf.sparse_tensor_dense_matmul(tf.SparseTensor([[0, 1], [1, 0]], [1., 2.], [2, 4]), M, adjoint_b=True)
tf.sparse_to_indicator(tf.SparseTensor([[0, 0], [0, 1], [2, 0]], tf.constant([3, 1, 0], tf.int64), [3, 2]), 5)
tf.math.reduce_variance(M, 0)
tf.math.reduce_std(M)
tf.math.multiply_no_nan(M, tf.zeros_like(M))
tf.math.bincount(I)
tf.to_complex64(M)
tf.image.is_jpeg(b'\xff\xd8\xff\xe0abc')
tf.image.is_jpeg('no')
tf.compat.as_bytes('abc')
tf.compat.as_text(b'abc')
tf.compat.as_str_any(3)
tf.compat.v1.reduce_sum(M, 1)
tf.get_seed(None)
tf.get_seed(3)
tf.DeviceSpec(job='ps', task=1, device_type='gpu', device_index=0).to_string()
tf.DeviceSpec.from_string('/job:worker/replica:2/cpu:1').to_string()
tf.dimension_value(tf.TensorShape([3])[0])
tf.assert_rank_in(M, [1, 2]) and 1
tf.layers.max_pooling1d(P[:, 0], 2, 2)
tf.layers.average_pooling1d(P[:, 0], 3, 2, 'same')
tf.layers.max_pooling3d(P[..., None], 2, 1)
tf.layers.average_pooling3d(P[..., None], [2, 3, 1], 2, 'same')
tf.layers.conv2d_transpose(P, 3, 3, 2, kernel_initializer=ones, bias_initializer=ones)
tf.layers.conv2d_transpose(P, 3, [2, 4], (1, 2), 'same', kernel_initializer=ones, activation=tf.nn.relu)
tf.layers.conv3d_transpose(P[..., None], 2, 2, 2, kernel_initializer=ones)
tf.layers.separable_conv2d(P, 3, 3, depthwise_initializer=ones, pointwise_initializer=ones, depth_multiplier=2)
tf.layers.separable_conv2d(P, 3, 3, 2, 'same', depthwise_initializer=ones, pointwise_initializer=ones)
project(P, tf, [1., 0.2, -0.7, -0.1, 0.9, 0.6, 0.01, 0.02], 'NEAREST')
project(P, tf, [1., 0.2, -0.7, -0.1, 0.9, 0.6, 0.01, 0.02], 'BILINEAR')
tf.layers.Dense(3, tf.nn.relu, kernel_initializer=ones)(M)
twice(tf.layers.Dense(4, kernel_initializer=ones), M)
twice(tf.layers.Dense(4, name='top', use_bias=False, kernel_initializer=ones), M)
twice(tf.layers.Conv2D(2, 3, padding='same', kernel_initializer=ones, trainable=False), P)
twice(tf.layers.Conv2DTranspose(2, [3, 1], padding='same', kernel_initializer=ones), P)
twice(tf.layers.SeparableConv2D(2, 3, padding='same', depthwise_initializer=ones, pointwise_initializer=ones), P)
twice(tf.layers.BatchNormalization(momentum=0.5, epsilon=0.1), P)
tf.layers.BatchNormalization(axis=1)(P, training=True)
tf.layers.MaxPooling2D(2, 2)(P)
tf.layers.AveragePooling2D((2, 3), 1, 'same')(P)
tf.layers.Flatten()(P)
tf.layers.Dropout(0.4)(P)
twice(own_layer()(tf.layers.Layer, tf)(scale=2.), M)
twice(own_layer()(tf.layers.Layer, tf)(scale=3., name='mine'), M)
tf.nn.conv3d(input=P[..., None], filter=tf.ones([2, 2, 1, 1, 3]), strides=[1, 1, 2, 1, 1], padding='SAME')
tf.nn.conv3d_transpose(value=P[..., None], filter=tf.ones([2, 2, 1, 3, 1]), output_shape=[2, 5, 6, 2, 3], strides=ONE)
tf.nn.max_pool3d(input=P[..., None], ksize=[1, 2, 2, 1, 1], strides=[1, 2, 2, 1, 1], padding='SAME')
tf.nn.avg_pool3d(P[..., None], [1, 2, 2, 1, 1], [1, 2, 2, 1, 1], 'VALID')
tf.nn.depthwise_conv2d_native(input=P, filter=tf.ones([2, 2, 2, 1]), strides=[1, 1, 1, 1], padding='SAME')
tf.nn.weighted_cross_entropy_with_logits(targets=M, logits=M * 2. - 1., pos_weight=2.)
tf.matrix_diag_part(input=Q)
tf.linalg.diag_part(Q)
tf.nn.softsign(features=V)
tf.math.softplus(features=V)
tf.unravel_index([5, 0, 23], [2, 3, 4])
tf.unravel_index(L[1], [2, 2])
tf.nn.ctc_loss(W, T, [6, 4, 6])
tf.nn.ctc_loss(W, T, [6, 4, 6], ctc_merge_repeated=False)
tf.nn.ctc_loss(W, T, [6, 4, 6], preprocess_collapse_repeated=True)
tf.nn.ctc_loss(W, tf.transpose(T, [1, 0, 2]), [1, 6, 2], ignore_longer_outputs_than_inputs=True, time_major=False)
tf.nn.ctc_loss(W, sequence_length=[3, 6, 5], logits=T)
tf.gradients(tf.nn.ctc_loss(W, T, [6, 4, 6]), T)[0]
tf.gradients(tf.nn.ctc_loss(W, T, [2, 4, 6], ctc_merge_repeated=False), T)[0]
tf.gradients(tf.nn.ctc_loss(W, T, [2, 4, 6]) * [0., 2., 3.], T)[0]
tf.gradients(tf.nn.ctc_loss(W, T, [1, 4, 6], ignore_longer_outputs_than_inputs=True) * [1., 2., 3.], T)[0]
tf.edit_distance(tf.nn.ctc_greedy_decoder(T, [6, 4, 5])[0][0], tf.cast(W, tf.int64))
tf.edit_distance(tf.nn.ctc_greedy_decoder(T, [6, 4, 0])[0][0], tf.cast(W, tf.int64), normalize=False)
tf.nn.ctc_greedy_decoder(T, [6, 4, 0])
tf.nn.ctc_greedy_decoder(T, [6, 4, 5], merge_repeated=False)
tf.nn.ctc_beam_search_decoder(T, [6, 4, 5], merge_repeated=False)
tf.nn.ctc_beam_search_decoder(T, [6, 4, 5], beam_width=3, top_paths=2, merge_repeated=False)
tf.nn.ctc_beam_search_decoder(T, [6, 4, 5], beam_width=8, top_paths=4)
tf.TensorArray(tf.float32, 3).unstack(M).read(1)
tf.TensorArray(tf.float32, 3).write(0, M[0]).write(2, M[1]).write(1, M[2]).stack()
tf.TensorArray(tf.float32, 2, element_shape=[4]).write(1, M[0]).read(0)
tf.TensorArray(tf.int32, 0, dynamic_size=True).write(0, I[0]).write(1, I[2]).concat()
tf.TensorArray(tf.float32, 3, clear_after_read=False).scatter([2, 0, 1], M).gather([0, 2, 2])
tf.TensorArray(tf.float32, 2).split(V, [3, 3]).stack()
tf.TensorArray(tf.float32, 1, dynamic_size=True).unstack(M).size()
written(M, 2.).stack()
tf.gradients(tf.square(written(M, M[0, 1]).stack()), M)[0]
tf.gradients(multiplied(tf.TensorArray(tf.float32, 3, clear_after_read=False).unstack(M)), M)[0]
tf.gradients(tf.cond(M[0, 0] > 0., lambda: written(M, 2.).stack() ** 2, lambda: M), M)[0]
tf.nn.nce_loss(M, V[:3], L[:, :1], M[1:], 2, 3, 1, ([1, 2], [[0.5], [0.2]], [0.3, 0.6]))
tf.nn.nce_loss(M, V[:3], L, M[1:], 2, 3, 2, ([1, 2], [[0.5, 0.1], [0.2, 0.3]], [0.3, 0.6]), True)
tf.nn.sampled_softmax_loss(M, V[:3], L[:, :1], M[1:], 2, 3, 1, ([1, 2], [[0.5], [0.2]], [0.3, 0.6]))
tf.nn.sampled_softmax_loss([M[:2], M[2:]], V[:3], L[:, :1], M[1:], 2, 3, 1, ([1, 2], [[0.5], [0.2]], [0.3, 0.6]), False)
tf.gradients(tf.nn.nce_loss(M, V[:3], L, M[1:], 2, 3, 2, ([1, 2], [[0.5, 0.1], [0.2, 0.3]], [0.3, 0.6])), [M, V])
tf.nn.log_uniform_candidate_sampler(L, 2, 3, False, 10)[1]
tf.nn.uniform_candidate_sampler(L, 2, 3, False, 10)[1]
tf.nn.fixed_unigram_candidate_sampler(L + 1, 2, 3, False, 4, '', 0.75, 1, unigrams=[1., 2., 3.])[1]
"""  # fmt: skip


def calls():
    """The expressions."""
    return [line for line in CALLS.splitlines() if line]


def own_layer():
    """A class of layers as programs write them, from the class of layers."""

    def made(Layer, tf):  # noqa: N803
        class ScaledDense(Layer):
            def __init__(self, scale, **kwargs):
                super().__init__(**kwargs)
                self.scale = scale

            def build(self, input_shape):
                size = input_shape[-1].value if hasattr(input_shape[-1], "value") else input_shape[-1]
                self.w = self.add_variable("w", shape=[size, 4], initializer=tf.ones_initializer())
                self.offset = self.add_variable("offset", shape=[4], initializer=tf.ones_initializer(), trainable=False)
                self.built = True

            def call(self, inputs):
                return self.scale * tf.matmul(inputs, self.w) + self.offset

        return ScaledDense

    return made


def names(tf, np, project):
    """What the expressions may use."""
    rng = np.random.RandomState(0)

    def written(rows, factor):
        """A TensorArray of `rows`, each times `factor` and the sum of the rows before."""
        _, array, _ = tf.while_loop(
            lambda i, array, total: i < tf.shape(rows)[0],
            lambda i, array, total: (i + 1, array.write(i, rows[i] * total), total + rows[i, 0]),
            (0, tf.TensorArray(tf.float32, 0, dynamic_size=True), factor),
        )
        return array

    def multiplied(array):
        """The product of the elements, one by one."""
        return tf.while_loop(lambda i, y: i < array.size(), lambda i, y: (i + 1, y * array.read(i)), (0, tf.ones([4])))[
            1
        ]

    def twice(layer, x):
        """What a layer gives in two calls, and its variables."""
        with tf.variable_scope("model"):
            found = layer(x) + layer(x * 2.0)
        shown = tuple(f"{v.op.name} {v.shape}" for v in layer.trainable_weights)
        rest = tuple(f"{v.op.name} {v.shape}" for v in layer.non_trainable_weights)
        return [found, tf.constant([found.op.name, *shown, "|", *rest])]

    return {
        "tf": tf, "np": np, "written": written, "multiplied": multiplied, "ONE": [1] * 5, "twice": twice,
        "own_layer": own_layer, "project": project, "ones": tf.ones_initializer(),
        "M": tf.constant(rng.rand(3, 4).astype(np.float32)), "I": tf.constant(rng.randint(0, 6, (3, 4)), tf.int32),
        "V": tf.constant([0.5, 1.5, -1.0, 0.5, 2.5, 1.0]), "S": tf.constant(["hello there", " two  words", "Foo"]),
        "C": tf.constant((rng.randn(2, 3) + 1j * rng.randn(2, 3)).astype(np.complex64)),
        "Q": tf.constant((rng.randn(2, 3, 3) + 3 * np.eye(3)).astype(np.float32)),
        "P": tf.constant(rng.rand(2, 5, 6, 2).astype(np.float32)), "L": tf.constant([[0, 1], [2, 0]], tf.int64),
        "T": tf.constant(2 * rng.randn(6, 3, 4).astype(np.float32)),
        "W": tf.SparseTensor([[0, 0], [0, 1], [1, 0], [1, 1], [2, 0]], tf.constant([1, 1, 0, 2, 2]), [3, 2]),
    }  # fmt: skip
