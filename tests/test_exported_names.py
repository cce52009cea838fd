"""The public names: those listed are those that can be imported, and each says what it is."""

import inspect

import pytest

import npslim as slim

PUBLIC = [name for name in dir(slim) if not name.startswith("_") and not inspect.ismodule(getattr(slim, name))]


def test_list_is_complete():
    assert slim.__all__ == sorted(set(slim.__all__))
    modules = {name for name in slim.__all__ if inspect.ismodule(getattr(slim, name))}
    assert set(slim.__all__) - modules == set(PUBLIC)
    assert modules == {
        "data", "data_decoder", "data_provider", "dataset", "dataset_data_provider", "doctor", "evaluation",
        "image", "layers", "learning", "losses", "metrics", "model_analyzer", "nets", "parallel_reader",
        "prefetch_queue", "preprocessing", "queues", "rnn_cell", "show", "summaries", "tfexample_decoder", "training",
        "utils",
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in PUBLIC if callable(getattr(slim, name))])
def test_is_documented(name):
    assert (getattr(slim, name).__doc__ or "").strip(), f"{name} has no docstring"
