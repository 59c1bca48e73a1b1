"""What went wrong once in printed tapes, profiles and pictures."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from counted_work import calls_in

import autograd_np as ag
from autograd_np.engine.scopes import begin_scope, end_scope
from autograd_np.graph.dot import dot_text
from autograd_np.graph.draw import _picture
from autograd_np.graph.keeping import kept_by, kept_of
from autograd_np.graph.mermaid import mermaid_text
from autograd_np.graph.model import _work
from autograd_np.graph.profile import profile
from autograd_np.graph.text import aligned


def leaf(*shape: int) -> Any:
    return ag.Tensor(np.ones(shape), requires_grad=True)


@pytest.mark.parametrize("label", ["a\nb", "a\0b", "\x1b[31m", "\u202eabc", "\ud800", "n" * 5000])
def test_a_profile_stays_a_table_whatever_a_part_is_called(label: str) -> None:
    w = leaf(2)
    found = str(profile(ag.scope(label)(lambda: np.sum(w * w)), repeats=1))
    assert all(line.isprintable() and len(line) < 200 for line in found.split("\n"))
    assert [table.count("\n") for table in found.split("\n\n")] == [3, 2, 0]


def test_a_profile_of_a_leaf_alone_has_no_parts() -> None:
    w = leaf()
    assert ag.tape(w).profile(lambda: w).parts == ()


def test_profiles_in_several_threads_leave_a_shared_tape_as_it_was() -> None:
    y = leaf(3)
    for _ in range(200):
        y = np.exp(y * 0.001)
    before = y._node.primitive
    threads = [threading.Thread(target=profile, args=(lambda: y,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert y._node.primitive is before


@pytest.mark.parametrize("options", [{}, {"depth": 0}])
def test_a_part_without_a_name_has_a_label_that_graphviz_reads(options: dict[str, Any]) -> None:
    w = leaf(2)
    found = _picture(ag.scope("")(lambda: np.sum(w * w))(), **{**ag.draw.__kwdefaults__, **options})
    text = dot_text(found)
    assert '"></font>' not in text
    assert "<b></b>" not in text
    assert '[""]' not in mermaid_text(found)


def test_deep_nesting_is_folded_with_work_in_proportion() -> None:
    def nested(depth: int) -> Any:
        y = leaf(2)
        starts = []
        for _ in range(depth):
            starts.append(begin_scope())
            y = y * 1.0
        for start in reversed(starts):
            end_scope(y, "step", start)
        return y

    def draw(y: Any) -> Any:
        return _picture(y, **{**ag.draw.__kwdefaults__, "max_nodes": 20})

    shallow, deep = nested(200), nested(400)
    assert calls_in(lambda: draw(deep)) < 2.5 * calls_in(lambda: draw(shallow))
    found = draw(nested(1000))
    assert len(found.boxes) <= 20
    assert "modules are closed from depth 9 on" in found.notice


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    y = np.sum(leaf(2))
    plain = _picture(y, **{**ag.draw.__kwdefaults__, "depth": 1, "max_nodes": 50})
    assert _picture(y, **{**ag.draw.__kwdefaults__, "depth": np.int64(1), "max_nodes": np.int64(50)}) == plain


@pytest.mark.parametrize("show", [None, 5])
def test_show_says_what_it_takes(show: Any) -> None:
    with pytest.raises(TypeError, match="show"):
        ag.draw(np.sum(leaf(2)), show=show)


def test_params_says_that_a_class_is_no_module() -> None:
    class Model:
        def named_parameters(self) -> Any:
            raise AssertionError

    with pytest.raises(TypeError, match="params: takes a dict"):
        ag.tape(np.sum(leaf(2)), params=Model)


def test_the_products_of_broadcast_vectors_are_all_counted() -> None:
    assert ag.tape(np.vecdot(leaf(3, 1, 4), leaf(5, 4))).flops == 2 * 3 * 5 * 4
    assert ag.tape(np.vecdot(leaf(3, 4), np.ones(4))).flops == 2 * 3 * 4


def test_signs_that_take_no_column_do_not_move_the_next_column() -> None:
    _, _, plain, marked = aligned(["a", "b"], [False, False], [["กกก", "x"], ["กักกั", "x"]])  # with a vowel sign above
    assert plain.index("x") == marked.index("x") - 2


def test_a_tape_can_be_read_while_a_backward_pass_of_another_thread_frees_it() -> None:
    y = np.sum(np.exp(leaf(2)))
    node: Any = y._node.parents[0]
    primitive, kept = node.primitive, node.kept

    class Freeing:
        """The primitive; whoever asks it for its slots is overtaken by a backward pass."""

        def __getattr__(self, word: str) -> Any:
            if word == "slots":
                node.kept = None
            return getattr(primitive, word)

    node.primitive = Freeing()
    for function in (
        lambda: kept_of(node, kept_by(node), {}),
        lambda: _work(node, (2,), ("x",), None, kept_by(node)),
        lambda: ag.tape(y),
    ):
        node.kept = kept
        function()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda y: ag.tape(y).profile(y), "function"),
        (lambda y: ag.tape(y).profile(lambda: y, repeats=1.5), "number of runs"),
        (lambda y: ag.tape(y, params={"w": np.ones(2)}), "'w' is a ndarray"),
    ],
)
def test_wrong_arguments_are_refused_in_words(call, match):
    with pytest.raises(TypeError, match=match):
        call((ag.Tensor([1.0, 2.0], requires_grad=True) * 2.0).sum())


def test_a_picture_names_no_folder_of_the_machine():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    with ag.annotate():
        y = (x * x).sum()
    text = dot_text(_picture(y, **ag.draw.__kwdefaults__))
    assert "test_graph_regressions.py:" in text
    assert __file__.rpartition("/")[0] not in text
