"""``from autograd_np import nn``, also beside a program's own ``nn.py``: one module, one copy of each class."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import autograd_np as ag
import nn
from autograd_np import nn as same

TOP = Path(__file__).resolve().parents[2]

OWN_FILE = "calls = 0\n\n\ndef factor():\n    return FACTOR\n\n\nFACTOR = 2.0\nWHO = 'the student'\n"

TRAINING = """
import numpy as np
model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3))
history = nn.fit(model, nn.CrossEntropyLoss(), nn.Adam(model.parameters()), nn.data.spiral(10, rng=0), 2)
step = nn.compile_step(model, nn.CrossEntropyLoss(), nn.SGD(model.parameters(), lr=0.1))
step(*nn.data.spiral(10, rng=0)); step(*nn.data.spiral(10, rng=0))
"""


def run(folder: Path, program: str) -> str:
    """What a program prints that lies in a folder, as a student's does: the folder comes first on the path."""
    (folder / "program.py").write_text(program, encoding="utf-8")
    file = str(folder / "program.py")
    code = f"import runpy, sys; sys.path[:0] = {[str(folder), str(TOP)]}; runpy.run_path({file!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def shadowed(tmp_path: Path) -> Path:
    (tmp_path / "nn.py").write_text(OWN_FILE, encoding="utf-8")
    return tmp_path


def test_the_two_names_are_one_module() -> None:
    import autograd_np.nn.layers.linear as linear

    import nn.layers.linear as plain

    assert same is nn
    assert ag.nn is nn
    assert linear is plain
    assert plain.__spec__ is not None
    assert plain.__spec__.name == "nn.layers.linear"


@pytest.mark.parametrize(
    "first", ["import nn\nfrom autograd_np import nn as full", "from autograd_np import nn as full\nimport nn"]
)
def test_either_order(tmp_path: Path, first: str) -> None:
    said = run(
        tmp_path,
        f"{first}\nimport autograd_np.nn.functional as F\nfrom autograd_np.nn.compiling import CompiledStep\n"
        "print(full is nn, F is nn.functional, CompiledStep is nn.CompiledStep, full.Linear.__module__)",
    )
    assert said == "True True True nn.layers.linear"


def test_beside_a_file_of_that_name(shadowed: Path) -> None:
    said = run(
        shadowed,
        f"from autograd_np import nn\n{TRAINING}\nimport nn as own\n"
        "from autograd_np import nn as again\nimport autograd_np.nn.layers.linear as deep\n"
        "print(own.WHO, again is nn, deep.Linear is nn.Linear, len(history['loss']), nn.Adam is nn.optim.Adam)",
    )
    assert said == "the student True True 2 True"


def test_after_a_file_of_that_name_was_imported(shadowed: Path) -> None:
    said = run(
        shadowed, f"import nn as own\nfrom autograd_np import nn\n{TRAINING}\nprint(own.WHO, len(history['loss']))"
    )
    assert said == "the student 2"


def test_beside_a_package_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "nn").mkdir()
    (tmp_path / "nn" / "__init__.py").write_text(OWN_FILE, encoding="utf-8")
    (tmp_path / "nn" / "layers.py").write_text("WHO = 'a layer of the student'\n", encoding="utf-8")
    said = run(
        tmp_path,
        f"from autograd_np import nn\n{TRAINING}\nfrom nn import layers, WHO\n"
        "print(WHO, '+', layers.WHO, '+', nn.layers.linear.Linear is nn.Linear)",
    )
    assert said == "the student + a layer of the student + True"


def test_a_program_that_has_the_name_itself(tmp_path: Path) -> None:
    (tmp_path / "nn.py").write_text(
        f"from autograd_np import nn\n{TRAINING}\nprint(len(history['loss']))\n", encoding="utf-8"
    )
    assert run(tmp_path, "import runpy; runpy.run_path('nn.py', run_name='__main__')") == "2"


def test_the_package_is_not_loaded_twice_where_its_folder_comes_back(shadowed: Path) -> None:
    said = run(
        shadowed,
        "import sys\nfrom autograd_np import nn\nsys.path.pop(0)\nsys.modules.pop('nn', None)\nimport nn as plain\n"
        "import nn.layers.linear as deep\nprint(plain is nn, deep.Linear is nn.Linear)",
    )
    assert said == "True True"


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("read", [True, False])
def test_pickles_load_either_way(tmp_path: Path, written: bool, read: bool) -> None:
    writer, reader = tmp_path / "writer", tmp_path / "reader"
    for folder, own in ((writer, written), (reader, read)):
        folder.mkdir()
        if own:
            (folder / "nn.py").write_text(OWN_FILE, encoding="utf-8")
    file = tmp_path / "model.pickle"
    run(
        writer,
        "import pickle\nfrom autograd_np import nn\nmodel = nn.Sequential(nn.Linear(2, 3, rng=0), nn.ReLU())\n"
        f"pickle.dump(model, open({str(file)!r}, 'wb'))",
    )
    said = run(
        reader,
        f"import pickle\nfrom autograd_np import nn\nmodel = pickle.load(open({str(file)!r}, 'rb'))\n"
        "print(type(model) is nn.Sequential, type(model[0]) is nn.Linear)\n"
        "print((model[0].weight.numpy() == nn.Linear(2, 3, rng=0).weight.numpy()).all())",
    )
    assert said == "True True\nTrue"


def test_what_a_programs_own_module_holds_is_looked_at_by_the_compiler(shadowed: Path) -> None:
    """Taken for the library's, its numbers would be frozen into the program without a word."""
    said = run(
        shadowed,
        "import numpy as np, autograd_np as ag\nimport nn\nf = ag.compile(lambda x: x * nn.factor())\nx = np.ones(2)\n"
        "first = f(x).tolist(); nn.FACTOR = 3.0\nprint(first, f(x).tolist())",
    )
    assert said == "[2.0, 2.0] [3.0, 3.0]"
