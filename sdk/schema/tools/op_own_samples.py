"""Arguments for operators that no sample of torch's database reaches on a CPU."""

import torch


def own_calls(calls):
    for op, args, *rest in own_samples():
        calls.run(op, args, rest[0] if rest else {})


def own_samples():
    aten = torch.ops.aten
    f, i, b = torch.ones(2, 3, 8, 8), torch.arange(6).reshape(2, 3), torch.ones(2, 3, dtype=torch.bool)
    rows, statistics = torch.ones(4, 8), torch.ones(3)
    cell = [torch.ones(24, 8), torch.ones(24, 8)]
    return [
        (aten.native_dropout.default, (f, 0.5, True)), (aten.native_dropout.default, (rows.double(), 0.1, False)),
        (aten._native_batch_norm_legit_no_training.default, (f, None, None, statistics, statistics, 0.1, 1e-5)),
        (aten.randperm.default, (7,)), (aten.copy.default, (rows, torch.ones(8))), (aten.copy.default, (i, torch.ones(()))),
        (aten.col2im.default, (torch.ones(2, 12, 12), [4, 5], [2, 2], [1, 1], [0, 0], [1, 1])),
        (aten.div.Scalar_mode, (i, 2), {"rounding_mode": "floor"}), (aten.div.Scalar_mode, (i, 2), {"rounding_mode": None}),
        (aten.scatter.value, (rows, 0, torch.zeros(1, 8, dtype=torch.int64), 2.0)),
        (aten.upsample_nearest2d.vec, (f, [5, 6], None)), (aten.upsample_nearest2d.vec, (f, None, [2.0, 1.5])),
        (aten.upsample_bilinear2d.vec, (f, None, False, [2.0, 0.5])), (aten.resize_.default, (torch.ones(6), [2, 2])),
        (aten._embedding_bag.default, (rows, torch.tensor([0, 1, 2]), torch.tensor([0, 2]))),
        (aten._embedding_bag.default, (rows, torch.tensor([0, 1, 2]), torch.tensor([0, 2, 3]), False, 1, False, None, True)),
        (aten._pdist_forward.default, (rows,)), (aten._pdist_forward.default, (rows[:1],)),
        (aten.bitwise_and.Scalar, (i, 3)), (aten.bitwise_xor.Scalar, (b, True)), (aten.gt.Scalar, (f, 0.5)),
        (aten.sym_size.int, (f, 1)), (aten.sym_numel.default, (f,)), (aten.sym_stride.int, (f, 0)),
        (aten.sym_storage_offset.default, (f,)), (aten.item.default, (torch.ones(()),)), (aten.item.default, (i[0, 0],)),
        (aten.gru_cell.default, (rows, rows, *cell)), (aten.diff.default, (rows,)), (aten.diff.default, (rows, 2, 0)),
        (aten.lstm_cell.default, (rows, [rows, rows], torch.ones(32, 8), torch.ones(32, 8))),
        (aten.type_as.default, (i, f)), (aten.to.other, (i, f)), (aten.to.dtype_layout, (i,), {"dtype": torch.float16}),
        (aten.split.sizes, (rows, [1, 3])), (aten.unsafe_split_with_sizes.default, (rows, [5, 3], 1)),
        (aten.where.Scalar, (b, 1, 2.5)), (aten.where.ScalarSelf, (b, 1, i)), (aten.zero.default, (i,)),
        (aten.swapaxes.default, (f, 0, -1)), (aten.swapdims.default, (f, 1, 2)), (aten.mish_.default, (rows.clone(),)),
        (aten.add_.Tensor, (rows.clone(), torch.ones(8))), (aten.index_put_.default, (rows.clone(), [torch.tensor([1])], torch.ones(8))),
        (aten._add_relu_.Tensor, (rows.clone(), rows)), (aten._add_relu_.Scalar, (rows.clone(), 2)),
        (aten._assert_async.default, (b[0, 0],)), (aten._assert_async.msg, (b[0, 0], "text")),
        (aten._assert_scalar.default, (True, "text")), (aten._assert_tensor_metadata.default, (i,), {"dtype": torch.int64}),
        (aten._convolution.default, (f, torch.ones(4, 3, 3, 3), None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, False, False, True, True)),
        (aten._convolution.default, (f, torch.ones(3, 4, 2, 2), torch.ones(4), [2, 2], [0, 0], [1, 1], True, [1, 1], 1, False, False, True, True)),
        (aten.convolution.default, (f, torch.ones(3, 1, 3, 3), None, [1, 1], [0, 0], [1, 1], False, [0, 0], 3)),
        (aten._index_put_impl_.default, (rows.clone(), [torch.tensor([1])], torch.ones(8))),
        (aten._pad_circular.default, (f, [1, 2, 3, 0])), (aten._reshape_alias.default, (i, [3, 2], [2, 1])),
        (aten._reshape_copy.default, (i, [3, -1])),
        (aten._upsample_bicubic2d_aa.default, (f, [4, 5], False)), (aten._upsample_bicubic2d_aa.vec, (f, None, True, [2.0, 0.5])),
        (aten.addmm_.default, (torch.ones(4, 4), rows, rows.t())), (aten.bernoulli.p, (f, 0.3)),
        (aten.bernoulli.Tensor, (rows, torch.full((4, 8), 0.4))), (aten.bernoulli_.Tensor, (rows.clone(), torch.full((4, 8), 0.4))),
        (aten.poisson.default, (rows,)), (aten.rand_like.default, (rows,)), (aten.rand_like.default, (i,), {"dtype": torch.float64}),
        (aten.random_.default, (i.clone(),)), (aten.random_.default, (rows.clone(),)), (aten.random_.to, (i.clone(), 9)),
        (getattr(aten.random_, "from"), (i.clone(), -4, 9)), (aten.random.default, (i,)), (aten.random.to, (i, 9)), (getattr(aten.random, "from"), (i, -4, 9)),
        *((window, (7, *more)) for name in ("bartlett_window", "blackman_window", "hamming_window", "hann_window")
          for window, more in [(getattr(aten, name).default, ()), (getattr(aten, name).periodic, (False,))]),
        (aten.contiguous.default, (f.mT,)), (aten.contiguous.default, (f,), {"memory_format": torch.channels_last}),
        (aten.conv1d.padding, (f[0], torch.ones(4, 8, 3), None, [1], "same")), (aten.conv2d.padding, (f, torch.ones(5, 3, 3, 2), None, [2, 2], "valid")),
        (aten.conv3d.padding, (f[:, None], torch.ones(2, 1, 1, 3, 3), None, [1, 1, 1], "same")),
        (aten.fill_diagonal_.default, (rows.clone(), 3.0)), (aten.lift.default, (rows,)), (aten.moveaxis.int, (f, 0, -1)),
        (aten.movedim.int, (f, 1, 3)), (aten.native_channel_shuffle.default, (torch.ones(1, 4, 2, 2), 2)),
        (aten.norm.ScalarOpt_dim_dtype, (rows, 2, [1], True), {"dtype": torch.float64}), (aten.norm.ScalarOpt_dtype, (rows, 1), {"dtype": torch.float32}),
        (aten.dim.default, (f,)), (aten.numel.default, (f,)), (aten.size.int, (f, -1)), (aten.stride.int, (f, 1)), (aten.storage_offset.default, (f,)),
        (aten.is_complex.default, (f,)), (aten.is_floating_point.default, (f,)), (aten.is_contiguous.default, (f,)),
        (aten.is_same_size.default, (f, rows)), (aten.is_nonzero.default, (b[0, 0],)), (aten.sym_is_contiguous.default, (f,)),
        (aten.sym_constrain_range.default, (3,), {"min": 0, "max": 9}), (aten.sym_constrain_range_for_size.default, (3,), {"min": 2, "max": 9}),
        (aten.rnn_relu_cell.default, (rows, rows, torch.ones(8, 8), torch.ones(8, 8))),
        (aten.rnn_tanh_cell.default, (rows, rows, torch.ones(8, 8), torch.ones(8, 8), torch.ones(8), torch.ones(8))),
        (aten.lgamma_.default, (rows.clone(),)), (aten.polygamma_.default, (rows.clone(), 1)), (aten.reciprocal_.default, (rows.clone(),)),
        (aten.gradient.scalarrayint, (rows,), {"spacing": [2.0], "dim": 1}),
        *recurrent_layers(), *backward_samples(), *composite_samples(),
    ]  # fmt: skip


def recurrent_layers():
    """Two layers, also of two directions and with the batch first."""
    aten = torch.ops.aten
    torch.manual_seed(0)
    for both, first in [(False, False), (True, True)]:
        directions = 2 if both else 1
        steps = torch.randn(5, 2, 3)
        hidden = torch.zeros(2 * directions, 5 if first else 2, 4)
        for gates, op in [(1, aten.rnn_tanh.input), (1, aten.rnn_relu.input), (3, aten.gru.input), (4, aten.lstm.input)]:
            weights = []
            for width in [3] * directions + [4 * directions] * directions:
                weights += [torch.randn(gates * 4, width), torch.randn(gates * 4, 4), torch.randn(gates * 4), torch.randn(gates * 4)]
            state = [hidden, hidden] if gates == 4 else hidden
            yield op, (steps, state, weights, True, 2, 0.0, False, both, first)
            packed = torch.ops.aten._pack_padded_sequence(steps, torch.tensor([5, 3]), False)
            state = [hidden[:, :2].contiguous()] * 2 if gates == 4 else hidden[:, :2].contiguous()
            yield getattr(getattr(aten, op._schema.name[6:]), "data"), (*packed, state, weights, True, 2, 0.0, False, both)


def composite_samples():
    """Composites that torch's functions in Python do not reach."""
    aten = torch.ops.aten
    torch.manual_seed(0)
    rows, square, image = torch.randn(4, 8), torch.randn(3, 4, 4), torch.randn(2, 5, 6, 6)
    steps, tolerance = [torch.arange(4.0), torch.arange(8.0) ** 2], torch.tensor(1e-5)
    query = torch.randn(2, 4, 6, 8)
    whole = torch.tensor([3, 1, 3, 3, 2])
    return [
        (aten._log_softmax_backward_data.default, (rows, rows, 1, torch.float32)), (aten._neg_view.default, (rows,)),
        (aten.conj.default, (torch.view_as_complex(rows.reshape(4, 4, 2)),)), (aten._conj.default, (torch.view_as_complex(rows.reshape(4, 4, 2)),)),
        *((op, ([tolerance, rows, whole],)) for op in [aten.atleast_1d.Sequence, aten.atleast_2d.Sequence, aten.atleast_3d.Sequence]),
        (aten.chain_matmul.default, ([rows, rows.t(), rows, rows.t()],)), (aten.linalg_multi_dot.default, ([rows[0], rows.t(), rows, rows.t()],)),
        (aten.frobenius_norm.dim, (rows, [1], True)), (aten.nuclear_norm.default, (rows,)), (aten.nuclear_norm.dim, (square, [0, 2])),
        (aten.gradient.array, (rows,), {"dim": [0, 1]}), (aten.gradient.scalararray, (rows,), {"spacing": 2.0, "dim": [1]}),
        (aten.gradient.scalarrayarray, (rows,), {"spacing": [1.0, 2.0], "dim": [0, 1]}),
        (aten.gradient.tensorarray, (rows,), {"spacing": steps, "dim": [0, 1]}), (aten.gradient.tensorarrayint, (rows,), {"spacing": steps[1:], "dim": 1}),
        (aten.is_conj.default, (rows,)), (aten.is_neg.default, (rows,)), (aten.is_signed.default, (rows,)), (aten.can_cast.default, (torch.float32, torch.int64)),
        (aten.linalg_cond.p_str, (square, "fro")), (aten.linalg_matrix_norm.default, (square, 2.0)), (aten.linalg_norm.ord_str, (rows, "nuc", [0, 1], True)),
        (aten.linalg_matrix_rank.default, (square, 1e-5)), (aten.linalg_matrix_rank.tol_tensor, (square, tolerance)),
        (aten.linalg_pinv.default, (rows, 1e-5)), (aten.linalg_pinv.rcond_tensor, (square, tolerance)),
        (aten.nll_loss.default, (rows, torch.tensor([0, 7, 2, 2]))), (aten.nll_loss.default, (rows, torch.tensor([0, 7, 2, 2]), None, 0)),
        (aten.nll_loss2d.default, (image, torch.ones(2, 6, 6, dtype=torch.int64), None, 0)), (aten.nll_loss2d.default, (image, torch.ones(2, 6, 6, dtype=torch.int64))),
        (aten.tensor_split.indices, (rows, [1, 3, 20, -1], 1)), (aten.tensor_split.sections, (rows, 3, 1)),
        (aten._unique.default, (whole, True, True)), (aten.unique_dim.default, (rows.round(), 0, True, True, True)),
        (aten.unique_dim_consecutive.default, (rows.round(), 1, True, True)),
        (aten.pad_sequence.default, ([rows, rows[:2]],)), (aten.pad_sequence.default, ([rows[:1], rows[:3]], True, 2.0)),
        (aten.norm_except_dim.default, (square, 2, 1)), (aten.norm_except_dim.default, (square, 2, -1)),
        (aten._weight_norm.default, (rows, torch.ones(4, 1))), (aten.flatten_dense_tensors.default, ([rows, square],)),
        (aten.fake_quantize_per_tensor_affine.default, (rows, 0.1, 0, 0, 255)),
        (aten.fake_quantize_per_tensor_affine.tensor_qparams, (rows, torch.tensor(0.1), torch.tensor(0), 0, 255)),
        (aten.fake_quantize_per_channel_affine.default, (rows, torch.ones(4), torch.zeros(4, dtype=torch.int32), 0, 0, 255)),
        (aten._convolution_mode.default, (image, torch.randn(3, 5, 3, 2), None, [1, 1], "same", [1, 1], 1)),
        (aten._pad_enum.default, (image, [1, 2, 0, 1], 1)), (aten._scaled_dot_product_attention_math.default, (query, query[:, :, :5], query[:, :, :5, :3])),
        *((aten.einsum.default, (equation, operands)) for equation, operands in [
            ("bij,bjk->bik", [square, square]), ("...ij,jk", [square, rows]), ("ij,jk,lk->il", [rows, rows.t(), rows.t()[:, :4].contiguous()[:3]]),
            ("ii->i", [square[0]]), ("b...h,bh", [query[:, 0], rows[:2]]), ("ij,ij->", [rows, rows]), ("bhqd,bhkd->bhqk", [query, query]),
            ("i...,j->...ji", [square, rows[0]]), ("ij,jk,lk->", [rows, rows.t(), rows.t()[:3, :4]]), ("ij,j,i->", [rows, rows[0], rows[:, 0]]),
            ("ij,ij->", [rows[:1], rows]), ("bij,bij->b", [square, square])]),
        (aten.tensordot.default, (square, square, [1, 2], [2, 1])), (aten.index.Tensor, (rows, [rows > 0])),
        (aten.index.Tensor, (square, [None, square[0] > 0])), (aten.index.Tensor, (square, [torch.tensor([0, 1]), None, torch.tensor([[1], [3]])])),
        (aten.index.Tensor, (query, [None, whole[1], None, whole[:2]])), (aten.index.Tensor, (query, [None, whole[:2], whole[:2]])),
    ]  # fmt: skip


def backward_samples():
    """The derivatives among the core operators."""
    aten = torch.ops.aten
    torch.manual_seed(0)
    image, rows, ones = torch.randn(2, 4, 6, 6), torch.randn(3, 8), torch.ones(8)
    pooled, where = aten.max_pool2d_with_indices(image, [2, 2], [2, 2])
    _, mean, scale = aten.native_layer_norm(rows, [8], ones, ones, 1e-5)
    _, group_mean, group_scale = aten.native_group_norm(image, torch.ones(4), torch.ones(4), 2, 4, 36, 2, 1e-5)
    group = (2, 4, 36, 2)
    kernel = torch.randn(5, 4, 3, 3)
    geometry = ([1, 1], [1, 1], [1, 1], False, [0, 0], 1)
    return [
        (aten._adaptive_avg_pool2d_backward.default, (torch.randn(2, 4, 3, 2), image)),
        (aten.avg_pool2d_backward.default, (torch.randn(2, 4, 3, 3), image, [2, 2], [2, 2], [0, 0], False, True, None)),
        (aten.max_pool2d_with_indices_backward.default, (torch.randn(2, 4, 3, 3), image, [2, 2], [2, 2], [0, 0], [1, 1], False, where)),
        (aten.embedding_dense_backward.default, (torch.randn(2, 5, 8), torch.randint(0, 9, (2, 5)), 9, -1, False)),
        *((aten.native_layer_norm_backward.default, (rows, rows, [8], mean, scale, ones, ones, list(mask)))
          for mask in [(True, True, True), (True, False, True)]),
        *((aten.native_group_norm_backward.default, (image, image, group_mean, group_scale, torch.ones(4), *group, list(mask)))
          for mask in [(True, True, True), (False, True, False)]),
        *((aten.convolution_backward.default, (torch.randn(2, 5, 6, 6), image, kernel, [5], *geometry, list(mask)))
          for mask in [(True, True, True), (True, False, False)]),
    ]  # fmt: skip
