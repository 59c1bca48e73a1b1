"""A program as a file: it runs with NumPy alone, in a process of its own, and goes on as the program does."""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn

# Imports the file by its name, with no way to this library, and calls it as often as is wanted.
RUNNER = """
import pickle, sys
sys.path = [p for p in sys.path if not p.endswith("checkout")]
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("autograd_np", "nn"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
sys.path.insert(0, sys.argv[1])
module = __import__(sys.argv[2])
with open(sys.argv[1] + "/arguments.pkl", "rb") as file:
    arguments, function, times = pickle.load(file)
results = [getattr(module, function)(*arguments) for _ in range(times)]
assert not [name for name in sys.modules if name.partition(".")[0] in ("autograd_np", "nn")]
module.save_weights(sys.argv[1] + "/after.npz")
with open(sys.argv[1] + "/results.pkl", "wb") as file:
    pickle.dump(results, file)
"""


def alone(folder: Path, name: str, function: str, arguments: tuple[Any, ...], times: int) -> Any:
    """What a saved program returns in a process of its own."""
    (folder / "arguments.pkl").write_bytes(pickle.dumps((arguments, function, times)))
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUNNER, str(folder), name], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return pickle.loads((folder / "results.pkl").read_bytes())


def arrays(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [a for item in tree.values() for a in arrays(item)]
    if isinstance(tree, (tuple, list)):
        return [a for item in tree for a in arrays(item)]
    return [tree.numpy() if isinstance(tree, ag.Tensor) else np.asarray(tree)]


def batch(features: int = 2, classes: int = 3, rows: int = 12) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, features)).astype(np.float32), rng.integers(0, classes, rows)


OPTIMIZERS = {
    "sgd": lambda p: nn.SGD(p, lr=0.1),
    "momentum": lambda p: nn.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "adam": lambda p: nn.Adam(p, lr=0.01),
    "amsgrad": lambda p: nn.Adam(p, lr=0.01, amsgrad=True, weight_decay=0.1),
    "adamw": lambda p: nn.AdamW(p, lr=0.01, weight_decay=0.1),
    "nadam": lambda p: nn.NAdam(p, lr=0.01),
    "radam": lambda p: nn.RAdam(p, lr=0.01),
    "rmsprop": lambda p: nn.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: nn.Adagrad(p, lr=0.1, lr_decay=0.01),
    "adadelta": lambda p: nn.Adadelta(p),
    "lion": lambda p: nn.Lion(p, lr=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_to_the_last_bit(name: str, tmp_path: Path) -> None:
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3))
    step = nn.compile_step(model, nn.CrossEntropyLoss(), OPTIMIZERS[name](model.parameters()))
    given = batch()
    for _ in range(10):
        step(*given)
    step.save(tmp_path / "trained.py")
    theirs = alone(tmp_path, "trained", "step", given, 40)
    mine = [step(*given).numpy() for _ in range(40)]
    assert np.array_equal(theirs, mine)
    after = np.load(tmp_path / "after.npz")
    for word, p in (("W1", model[0].weight), ("b1", model[0].bias), ("W2", model[2].weight), ("b2", model[2].bias)):
        assert np.array_equal(after[word], p.numpy())


def test_groups_with_options_of_their_own(tmp_path: Path) -> None:
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 3))
    groups = [
        {"params": [*model[0].parameters()], "lr": 0.1},
        {"params": [*model[2].parameters()], "weight_decay": 0.1},
    ]
    step = nn.compile_step(model, nn.CrossEntropyLoss(), nn.Adam(groups, lr=0.01))
    given = batch()
    for _ in range(5):
        step(*given)
    step.save(tmp_path / "groups.py")
    assert np.array_equal(alone(tmp_path, "groups", "step", given, 30), [step(*given).numpy() for _ in range(30)])


def test_a_network_with_images_dropout_and_running_statistics(tmp_path: Path) -> None:
    nn.manual_seed(0)
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(36, 3),
    )
    step = nn.compile_step(model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=0.01, momentum=0.9))
    given = rng.normal(size=(5, 1, 8, 8)).astype(np.float32), rng.integers(0, 3, 5)
    for _ in range(3):
        step(*given)
    step.save(tmp_path / "images.py")
    assert np.array_equal(alone(tmp_path, "images", "step", given, 20), [step(*given).numpy() for _ in range(20)])
    assert np.array_equal(np.load(tmp_path / "after.npz")["running_mean2"], model[1].running_mean)


def test_inference_is_one_script(tmp_path: Path) -> None:
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3)).eval()

    def predict(x: Any) -> Any:
        with ag.no_grad():
            return model(x)

    compiled = ag.compile(predict)
    x, _ = batch()
    compiled(x)
    compiled.save(tmp_path / "network.py")
    expected = predict(x).numpy()
    np.testing.assert_allclose(
        alone(tmp_path, "network", compiled._last.emitted.name, (x,), 1)[0], expected, rtol=1e-5, atol=1e-6
    )
    np.save(tmp_path / "x.npy", x)
    done = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "network.py"), str(tmp_path / "x.npy")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(compiled(x).numpy())
    without = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "network.py")], capture_output=True, text=True, check=False
    )
    assert "x: (12, 2) float32" in without.stderr


def test_what_is_returned_keeps_its_form(tmp_path: Path) -> None:
    def f(params: Any, x: Any) -> Any:
        return {"sum": (x @ params["W"]).sum(), "parts": [x + params["b"], (3, "three")]}

    params = {"W": np.ones((2, 3)), "b": np.zeros(2)}
    compiled = ag.compile(f)
    x = np.arange(8.0).reshape(4, 2)
    expected = compiled(params, x)
    compiled.save(tmp_path / "form.py")
    (found,) = alone(tmp_path, "form", "run", (*params.values(), x), 1)
    assert found["sum"] == expected["sum"]
    assert np.array_equal(found["parts"][0], expected["parts"][0])
    assert found["parts"][1] == (3, "three")


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_bad_arguments_and_labels_are_refused(tmp_path: Path) -> None:
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3))
    step = nn.compile_step(model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=0.1))
    x, y = batch()
    step(x, y)
    step.save(tmp_path / "trained.py")
    module = load(tmp_path / "trained.py")
    with pytest.raises(ValueError, match=r"x is an array of shape \(12, 2\) and dtype float32, not \(3, 2\)"):
        module.step(x[:3], y[:3])
    with pytest.raises(IndexError, match="target 3 of row 0 is not a class number"):
        module.step(x, np.where(np.arange(12) == 0, 3, y))
    assert np.array_equal(module.step(x.astype(np.float64), y), step(x, y).numpy())


def test_saved_weights_are_loaded_again(tmp_path: Path) -> None:
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3))
    step = nn.compile_step(model, nn.CrossEntropyLoss(), nn.Adam(model.parameters(), lr=0.1))
    given = batch()
    step(*given)
    step.save(tmp_path / "trained.py")
    module = load(tmp_path / "trained.py")
    for _ in range(7):
        module.step(*given)
        step(*given)
    module.save_weights(tmp_path / "trained.npz")
    again = load(tmp_path / "trained.py")
    assert np.array_equal([again.step(*given) for _ in range(5)], [step(*given).numpy() for _ in range(5)])
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["trained.npz", "trained.py"]


def test_a_rate_may_be_changed_in_the_file(tmp_path: Path) -> None:
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = nn.Adam(model.parameters(), lr=0.1)
    step = nn.compile_step(model, nn.CrossEntropyLoss(), optimizer)
    given = batch()
    step(*given)
    step.save(tmp_path / "trained.py")
    module = load(tmp_path / "trained.py")
    optimizer.param_groups[0]["lr"] = module.options["lr"] = 0.01
    assert np.array_equal([module.step(*given) for _ in range(5)], [step(*given).numpy() for _ in range(5)])


def test_what_cannot_be_written_down_is_refused(tmp_path: Path) -> None:
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3))
    step = nn.compile_step(model, nn.CrossEntropyLoss(), nn.RAdam(model.parameters(), lr=0.01))
    step(*batch())
    with pytest.raises(ag.CompileError, match="save it after some more steps"):
        step.save(tmp_path / "early.py")

    factor = 2.0

    def odd(x: Any) -> Any:
        return x * factor

    compiled = ag.compile(lambda x: ag.tracing.call(odd, x))
    compiled(np.ones(3))
    with pytest.raises(ag.CompileError, match="odd, which is no plain function"):
        compiled.save(tmp_path / "odd.py")
    with pytest.raises(ValueError, match=r"something\.py"):
        compiled.save(tmp_path / "odd.txt")
    assert not [*tmp_path.iterdir()]
