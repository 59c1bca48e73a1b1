"""What somebody writes who comes from PyTorch, Keras or another library, and what the error says to write instead."""

from __future__ import annotations

import importlib
import inspect
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np.engine import suggestions

T = ag.Tensor(np.ones((2, 3), np.float32), requires_grad=True)
X = np.random.default_rng(0).normal(size=(20, 64)).astype(np.float32)
Y = np.arange(20) % 3
IMAGES = np.zeros((4, 1, 8, 8), np.float32)


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 3))


SLIPS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    # names that are not there
    (lambda: nn.Dense(3, 4), AttributeError, "use nn.Linear(in_features, out_features)"),
    (lambda: nn.Conv2D(1, 2, 3), AttributeError, "use nn.Conv2d(in_channels"),
    (lambda: nn.Liner, AttributeError, "did you mean 'Linear'?"),
    (lambda: nn.optim.Adamm, AttributeError, "did you mean 'Adam'?"),
    (lambda: nn.schedules.StepLr, AttributeError, "did you mean 'StepLR'?"),
    (lambda: nn.functional.sofmax, AttributeError, "did you mean 'softmax'?"),
    (lambda: nn.init.xavier, AttributeError, "did you mean 'xavier_"),
    (lambda: nn.plot.confusion, AttributeError, "did you mean 'confusion_matrix'?"),
    (lambda: ag.cat([T, T]), AttributeError, "use np.concatenate"),
    (lambda: ag.sotfmax(T), AttributeError, "did you mean 'softmax'?"),
    (lambda: ag.numpy, AttributeError, "import numpy as np"),
    (lambda: T.permute(1, 0), AttributeError, "use t.transpose(axes)"),
    (lambda: T.unsqueeze(0), AttributeError, "use np.expand_dims(t, axis)"),
    (lambda: T.clone(), AttributeError, "use t.copy()"),
    (lambda: T.zero_(), AttributeError, "use t.writable()[...] = 0"),
    (lambda: T.view(-1), TypeError, "use t.reshape(...)"),
    (lambda: model().fit(X, Y), AttributeError, "use nn.fit(model, loss, optimizer, data, epochs)"),
    (lambda: model().cuda(), AttributeError, "leave it out"),
    (lambda: model().to("cuda"), TypeError, "leave .to('cuda') out"),
    # keywords that are not there
    (lambda: nn.Adam(model().parameters(), learning_rate=0.1), TypeError, "did you mean 'lr'?"),
    (lambda: nn.Softmax(axis=1), TypeError, "Softmax() got an unexpected keyword argument 'axis'; did you mean 'dim'?"),
    (lambda: nn.functional.softmax(T, axis=1), TypeError, "did you mean 'dim'?"),
    (
        lambda: ag.softmax(T, dim=1),
        TypeError,
        "softmax() got an unexpected keyword argument 'dim'; did you mean 'axis'?",
    ),
    (lambda: T.mean(axis=0, keepdim=True), TypeError, "did you mean 'keepdims'?"),
    (lambda: T.sum(axs=0), TypeError, "did you mean 'axis'?"),
    (lambda: ag.softmax(T, nothing=1), TypeError, "it takes x, axis"),
    (lambda: nn.Linear(2, 3, activation="relu"), TypeError, "an activation is a layer of its own"),
    (lambda: nn.Dropout(rate=0.5), TypeError, "did you mean 'p'?"),
    (lambda: nn.DataLoader((X, Y), num_workers=3), TypeError, "did you mean 'prefetch'?"),
    (lambda: nn.data.spiral(10, seed=0), TypeError, "did you mean 'rng'?"),
    # calls with the wrong arguments
    (lambda: nn.CrossEntropyLoss(model()(X), Y), TypeError, "nn.CrossEntropyLoss()(predictions, targets)"),
    (lambda: nn.MSELoss(X, X), TypeError, "nn.MSELoss()(predictions, targets)"),
    (lambda: nn.fit(model(), X, Y), TypeError, "write nn.fit(model, loss, optimizer, (x, y), epochs)"),
    (lambda: nn.Linear(3), TypeError, "write Linear(in_features, out_features, …)"),
    (lambda: nn.Sequential(nn.ReLU), TypeError, "not the class ReLU; write ReLU() with its parentheses"),
    (lambda: nn.ModuleList([nn.ReLU]), TypeError, "write ReLU() with its parentheses"),
    (lambda: nn.Sequential(ag.relu), TypeError, "activations are layers, nn.ReLU()"),
    (lambda: nn.plot.confusion_matrix(Y, Y), ValueError, "metric.update(predictions, targets)"),
    # shapes
    (lambda: nn.Linear(64, 3)(IMAGES), ValueError, "put nn.Flatten() before it, which makes shape (4, 64)"),
    (lambda: nn.Linear(784, 3)(IMAGES), ValueError, "put nn.Flatten() before it, and write nn.Linear(64, 3)"),
    (lambda: nn.Linear(3, 5)(X), ValueError, "for this input write nn.Linear(64, 5)"),
    (lambda: nn.Conv2d(3, 4, 3)(IMAGES), ValueError, "for this input write nn.Conv2d(1, 4, …)"),
    (lambda: nn.Conv2d(1, 4, 3)(IMAGES[:, 0]), ValueError, "x[:, None] adds it"),
    (lambda: nn.Conv2d(3, 4, 3)(np.zeros((2, 8, 8, 3))), ValueError, "np.moveaxis(x, -1, 1)"),
    (lambda: nn.BatchNorm1d(64)(X[:1]), ValueError, "drop_last=True"),
    (lambda: nn.summary(nn.Embedding(10, 4), (5, 3)), TypeError, "np.zeros((5, 3), int)"),
]


@pytest.mark.parametrize(("slip", "kind", "said"), SLIPS, ids=range(len(SLIPS)))
def test_the_error_says_what_to_write(slip: Callable[[], Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=re.escape(said)) as caught:
        slip()
    assert "reshape, transpose or expand_dims" not in str(caught.value)


def test_an_error_inside_a_function_stays_as_it_is() -> None:
    """That of a call which the function itself makes is not one of its own arguments."""

    @suggestions.hinted
    def outer(a: Any) -> Any:
        return len(a, a)

    with pytest.raises(TypeError, match="exactly one argument") as caught:
        outer(1)
    assert "write outer" not in str(caught.value)
    with pytest.raises(TypeError, match=re.escape("write outer(a)")):
        outer()


def test_what_it_says_exists() -> None:
    """What a remedy names is there, and what has a remedy is not."""
    for owner, table in suggestions._TABLES.items():
        spaces: dict[str, Any] = {"autograd_np": ag, "nn": nn, "Tensor": ag.Tensor, "Module": nn.Module}
        for name, remedy in table.items():
            if owner in spaces:
                assert not hasattr(spaces[owner], name), f"{owner}.{name} is there"
            for root, path in re.findall(r"\b(nn|ag|np)\.([\w.]+\w)(?=[( ,;:]|$)", remedy):
                here = {"nn": nn, "ag": ag, "np": np}[root]
                for word in path.split("."):
                    here = getattr(here, word)
            for word in re.findall(r"\bt\.(\w+)", remedy):
                assert hasattr(ag.Tensor, word), remedy
            for word in re.findall(r"\bmodel\.(\w+)", remedy):
                assert hasattr(nn.Sequential, word), remedy


def test_a_keyword_of_the_table_is_taken_by_something() -> None:
    """The names that it suggests are parameters of functions that there are."""
    spaces = [
        ag,
        *(
            importlib.import_module(f"nn{end}")
            for end in ("", ".data", ".functional", ".metrics", ".plot", ".schedules")
        ),
    ]
    taken: set[str] = set()
    for space in spaces:
        for name in space.__all__:
            try:
                taken.update(inspect.signature(getattr(space, name)).parameters)
            except (TypeError, ValueError):
                continue
    for word, others in suggestions.KEYWORDS.items():
        if not others.startswith(":"):
            assert set(others.split()) <= taken, (word, set(others.split()) - taken)


def test_asking_whether_there_is_a_name_looks_for_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """``hasattr`` is asked by libraries at every call."""
    monkeypatch.setattr(suggestions, "_nearest", None)
    assert not hasattr(T, "toarray")
    assert not hasattr(model(), "something")
    assert not hasattr(nn, "something")


def test_a_name_that_is_not_there_is_not_shown_and_can_be_given() -> None:
    class WithFit:
        def fit(self) -> str:
            return "of the mixin"

    class Own(nn.Module, WithFit):
        @property
        def half(self) -> int:
            return 7

    assert "fit" not in dir(model())
    assert "clone" not in dir(T)
    assert Own().fit() == Own.fit(Own()) == "of the mixin"
    assert Own().half == 7
    own = Own()
    own.layers = 5
    assert own.layers == 5
    with pytest.raises(AttributeError, match=re.escape("use nn.predict(model, x)")):
        own.predict  # noqa: B018


def test_a_property_that_fails_says_its_own_error() -> None:
    class Own(nn.Module):
        @property
        def width(self) -> int:
            raise AttributeError("the width is not known yet")

    with pytest.raises(AttributeError, match="not known yet"):
        Own().width  # noqa: B018


def test_hinted_functions_keep_signature_and_identity() -> None:
    assert list(inspect.signature(nn.Linear).parameters)[:2] == ["in_features", "out_features"]
    assert pickle.loads(pickle.dumps(nn.fit)) is nn.fit
    assert pickle.loads(pickle.dumps(nn.functional.prelu)) is nn.functional.prelu
    with pytest.raises(AttributeError) as caught:
        T.clone  # noqa: B018
    assert type(caught.value).__name__ == "AttributeError"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
