"""Show backpropagation at work: a small network learns, as an animated picture with every number.

A network 2 → 3 → 1 of tanh units learns one example by gradient descent. Its first step is shown operation by operation: forward, what
each neuron makes of its inputs; then backward along the tape, the rule that each operation hands its gradient on by, edge after edge, with
the numbers in it; then the step that this gradient suggests. Further steps follow quickly, and the loss falls. Every number is the
engine's: those of the weights are their ``.grad``, those in between are asked for by ``ag.gradients``.

    python examples/backpropagation.py
    python examples/backpropagation.py --format mp4 --steps 12
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _program

try:
    import matplotlib.animation as animation
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Rectangle
    from matplotlib.text import Text

    import autograd_np as ag
except ModuleNotFoundError as error:
    raise _program.missing(error) from None

log = logging.getLogger("backpropagation")

EXAMPLE, WANTED = (0.9, -0.6), 0.8
INPUTS, UNITS = range(2), range(3)
# Names of the numbers, and between which neurons a weight stands.
HIDDEN_Z, HIDDEN_A, HIDDEN_B = ([f"{letter}{j}" for j in UNITS] for letter in "zab")
FIRST = {f"w{i}{j}": (f"x{i}", f"a{j}") for i in INPUTS for j in UNITS}
SECOND = {f"v{j}": (f"a{j}", "a") for j in UNITS}
WEIGHTS = FIRST | SECOND
GIVEN = frozenset({"x0", "x1", "y", *WEIGHTS, *HIDDEN_B, "c"})
FORWARD = GIVEN | {*HIDDEN_Z, *HIDDEN_A, "z", "a", "L"}
BACKWARD = FORWARD | {f"d{name}" for name in (*WEIGHTS, *HIDDEN_Z, "z", "a")}

# --------------------------------------------------------------------------------------- the network and its numbers


@dataclass(frozen=True)
class Pass:
    """One forward and backward pass.

    Attributes:
        operations: what the tape recorded, in order.
        numbers: every value by its name: inputs ``x0``, weights ``w00`` (from input 0 to unit 0) and ``v0`` (from unit 0 to the output), biases
            ``b0`` and ``c``, units ``z0`` and ``a0 = tanh(z0)``, output ``z`` and ``a``, what is wanted ``y``, the loss ``L``. The gradient
            of the loss with respect to ``w00`` is ``dw00``, and so for all of them.
    """

    operations: tuple[str, ...]
    numbers: dict[str, float]


def parameters(seed: int) -> list[ag.Tensor]:
    """Weights and biases of both layers, drawn with one decimal so that a reader can follow them by hand."""
    rng = np.random.default_rng(seed)
    shapes = ((len(INPUTS), len(UNITS)), (len(UNITS),), (len(UNITS), 1), (1,))
    return [ag.Tensor(np.round(rng.normal(scale=0.6, size=shape), 1), requires_grad=True) for shape in shapes]


def propagate(p: Sequence[ag.Tensor]) -> Pass:
    """Run the network forward and backward; the gradients of the parameters are left in their ``.grad``."""
    w, b, v, c = p
    x, y = np.array([EXAMPLE]), np.array([[WANTED]])
    hidden_z = ag.linear(x, w, b)
    hidden = ag.tanh(hidden_z)
    z = ag.linear(hidden, v, c)
    a = ag.tanh(z)
    loss = ag.mse_loss(a, y)
    operations = tuple(entry.name for entry in ag.tape(loss) if entry.kind == "operation")
    between = ag.gradients(loss, [hidden_z, hidden, z, a], retain_graph=True)
    for parameter in p:
        parameter.zero_grad()
    loss.backward()

    numbers = {"x0": EXAMPLE[0], "x1": EXAMPLE[1], "y": WANTED, "L": loss.item()}
    tensors: list[ag.Tensor] = [w, b, v, c, hidden_z, hidden, z, a]
    names: list[Iterable[str]] = [FIRST, HIDDEN_B, SECOND, ["c"], HIDDEN_Z, HIDDEN_A, ["z"], ["a"]]
    gradients = [*(parameter.grad for parameter in p), *between]
    for group, tensor, gradient in zip(names, tensors, gradients, strict=True):
        for name, value, derivative in zip(group, np.ravel(tensor.numpy()), np.ravel(gradient), strict=True):
            numbers[name], numbers[f"d{name}"] = float(value), float(derivative)
    return Pass(operations, numbers)


def learn(seed: int, steps: int, rate: float) -> list[Pass]:
    """Gradient descent: what every pass had, and one pass more that shows where the last step has led."""
    p = parameters(seed)
    passes = [propagate(p)]
    for step in range(1, steps + 1):
        for parameter in p:
            parameter.writable()[...] -= rate * parameter.grad
        passes.append(propagate(p))
        log.info("step %d: loss %.4f", step, passes[-1].numbers["L"])
    return passes


# --------------------------------------------------------------------------------------- the moments of the film


@dataclass(frozen=True)
class Moment:
    """What is seen at one moment.

    Attributes:
        step: which pass.
        phase: ``forward``, ``backward`` or ``update``.
        operation: the operation of the tape that is at work, if one is.
        recorded: how many operations the tape holds.
        shown: names of the numbers that are known.
        new: those of them that come to be known now.
        active: names of the edges and neurons at work.
        rule: the rule in symbols.
        lines: the rule with its numbers.
        seconds: how long it stays.
        flow: edges along which something moves before the new numbers are there.
    """

    step: int
    phase: str
    operation: int | None
    recorded: int
    shown: frozenset[str]
    new: frozenset[str]
    active: frozenset[str]
    rule: str
    lines: tuple[str, ...]
    seconds: float
    flow: tuple[str, ...] = ()


def plain(value: float) -> str:
    """A number of the picture: two decimals and a true minus; what rounds to zero has no sign."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def factor(value: float) -> str:
    """A number within a formula: in parentheses if it is negative."""
    text = plain(value)
    return f"({text})" if text.startswith("−") else text


def slope(name: str) -> str:
    """The gradient of the loss, as mathematics."""
    return rf"\dfrac{{\partial L}}{{\partial {name}}}"


def in_detail(now: Pass, rate: float) -> Iterator[Moment]:
    """The first step, operation by operation."""
    n = {name: plain(value) for name, value in now.numbers.items()}
    f = {name: factor(value) for name, value in now.numbers.items()}
    phase, shown = "forward", GIVEN

    def at(
        operation: int | None,
        new: Iterable[str],
        active: Iterable[str],
        rule: str,
        lines: list[str],
        seconds: float,
        flow: Iterable[str] = (),
    ) -> Moment:
        nonlocal shown
        shown |= {*new}
        recorded = 0 if operation is None else operation + 1
        formulas = tuple(f"${line}$" for line in lines)
        return Moment(
            0,
            phase,
            operation,
            recorded,
            shown,
            frozenset(new),
            frozenset(active),
            rule,
            formulas,
            seconds,
            tuple(flow),
        )

    yield at(
        None,
        (),
        ["x0", "x1"],
        "one example",
        [rf"x = ({n['x0']},\ {{{n['x1']}}})", rf"\mathrm{{wanted\ }} y = {n['y']}"],
        0.8,
    )
    sums = [" + ".join(rf"{f[f'x{i}']}\cdot{f[f'w{i}{j}']}" for i in INPUTS) for j in UNITS]
    lines = [rf"z_{j + 1} = {sums[j]} + {f[f'b{j}']} = {n[f'z{j}']}" for j in UNITS]
    yield at(0, HIDDEN_Z, [*HIDDEN_A, *FIRST], r"$z_j = \sum_i x_i\,w_{ij} + b_j$", lines, 1.0, FIRST)
    lines = [rf"a_{j + 1} = \tanh({n[f'z{j}']}) = {n[f'a{j}']}" for j in UNITS]
    yield at(1, HIDDEN_A, HIDDEN_A, r"$a_j = \tanh\,z_j$", lines, 0.7)
    terms = " + ".join(rf"{f[f'a{j}']}\cdot{f[f'v{j}']}" for j in UNITS)
    yield at(
        2, ["z"], ["a", *SECOND], r"$z = \sum_j a_j\,v_j + c$", [rf"z = {terms} + {f['c']} = {n['z']}"], 0.8, SECOND
    )
    yield at(3, ["a"], ["a"], r"$a = \tanh\,z$", [rf"a = \tanh({n['z']}) = {n['a']}"], 0.6)
    yield at(4, ["L"], ["L", "loss"], "$L = (a - y)^2$", [rf"L = ({n['a']} - {f['y']})^2 = {n['L']}"], 0.8, ["loss"])

    phase = "backward"
    line = rf"{slope('a')} = 2\,({n['a']} - {f['y']}) = {n['da']}"
    yield at(4, ["da"], ["a", "loss"], rf"${slope('a')} = 2\,(a - y)$", [line], 0.8, ["loss"])
    line = rf"\delta = {f['da']}\cdot(1 - {f['a']}^2) = {n['dz']}"
    yield at(3, ["dz"], ["a"], rf"$\delta = {slope('z')} = {slope('a')}\,(1 - a^2)$", [line], 0.8)
    rule = rf"${slope('v_j')} = a_j\,\delta,\quad{slope('c')} = \delta$"
    for j in UNITS:
        line = rf"{slope(f'v_{j + 1}')} = {f[f'a{j}']}\cdot{f['dz']} = {n[f'dv{j}']}"
        yield at(2, [f"dv{j}"], [f"a{j}", "a", f"v{j}"], rule, [line], 0.4)
    lines = [rf"\partial L/\partial a_{j + 1} = {f[f'v{j}']}\cdot{f['dz']} = {n[f'da{j}']}" for j in UNITS]
    yield at(2, [f"da{j}" for j in UNITS], [*HIDDEN_A, *SECOND], rf"${slope('a_j')} = v_j\,\delta$", lines, 1.0, SECOND)
    lines = [rf"\delta_{j + 1} = {f[f'da{j}']}\cdot(1 - {f[f'a{j}']}^2) = {n[f'dz{j}']}" for j in UNITS]
    yield at(
        1,
        [f"dz{j}" for j in UNITS],
        HIDDEN_A,
        rf"$\delta_j = {slope('z_j')} = {slope('a_j')}\,(1 - a_j^2)$",
        lines,
        0.8,
    )
    rule = rf"${slope('w_{ij}')} = x_i\,\delta_j,\quad{slope('b_j')} = \delta_j$"
    for name, (source, target) in FIRST.items():
        i, j = int(source[1]), int(target[1])
        line = rf"{slope(f'w_{{{i + 1}{j + 1}}}')} = {f[source]}\cdot{f[f'dz{j}']} = {n[f'd{name}']}"
        yield at(0, [f"d{name}"], [source, target, name], rule, [line], 0.3)

    phase = "update"
    # One line for all of them: the weight that has the largest gradient.
    largest = max(WEIGHTS, key=lambda name: abs(now.numbers[f"d{name}"]))
    index = "".join(str(int(digit) + 1) for digit in largest[1:])
    after = plain(now.numbers[largest] - rate * now.numbers[f"d{largest}"])
    line = rf"{largest[0]}_{{{index}}} \leftarrow {{{n[largest]}}} - {rate:g}\cdot{f[f'd{largest}']} = {after}"
    yield at(None, (), (), rf"$w \leftarrow w - \eta\,{slope('w')}$", [line], 1.0)


def moments(passes: Sequence[Pass], rate: float) -> list[Moment]:
    """The whole film: the first step in detail, the others at a glance, and the end."""
    film = list(in_detail(passes[0], rate))
    nothing: frozenset[str] = frozenset()
    for step, now in enumerate(passes[1:], start=1):
        n = {name: plain(value) for name, value in now.numbers.items()}
        difference = f"({n['a']} - {factor(now.numbers['y'])})"
        last = step == len(passes) - 1
        line = f"$L = {difference}^2 = {n['L']}$"
        film.append(
            Moment(
                step,
                "forward",
                None,
                len(now.operations),
                FORWARD,
                nothing,
                frozenset({"L"}),
                "$L = (a - y)^2$",
                (line,),
                2.0 if last else 0.2,
            )
        )
        if not last:
            line = rf"${slope('a')} = 2\,{difference} = {n['da']}$"
            film.append(
                Moment(
                    step, "backward", None, 0, BACKWARD, nothing, nothing, rf"${slope('a')} = 2\,(a - y)$", (line,), 0.2
                )
            )
    return film


# --------------------------------------------------------------------------------------- the picture

INK, SOFT, FAINT = "#222222", "#6b6b6b", "#d4d4d4"
PHASES = {"forward": "#8A6A00", "backward": "#7A3B82", "update": "#00734F"}
SIZE = (8.0, 5.9)
RADIUS, MIDDLE = 0.46, 3.46
PLACES = {
    **{f"x{i}": (0.95, MIDDLE + 0.85 * (1 - 2 * i)) for i in INPUTS},
    **{f"a{j}": (3.3, MIDDLE + 1.4 * (1 - j)) for j in UNITS},
    "a": (5.65, MIDDLE),
    "L": (7.35, MIDDLE),
}
EDGES = WEIGHTS | {"loss": ("a", "L")}
CELLS = (2.12, 3.3, 4.47, 5.65, 7.0)  # an operation stands below the part of the network that it is
# Blue is negative and vermilion positive, which colour-blind readers tell apart; grey in the middle is seen on white.
SIGNED = LinearSegmentedColormap.from_list("signed", ["#0072B2", "#7fb2d3", "#c9c9c9", "#e9a57c", "#D55E00"])
LIT = LinearSegmentedColormap.from_list("lit", ["#ffffff", "#F7D354"])
# What stands before a number; those of weights, inputs and the loss speak for themselves.
LABELS = {"z": "$z$", "a": "$a$", "c": "$c$", "y": "$y$", "dz": r"$\delta$", "da": r"$\partial L/\partial a$"}
LABELS |= {f"{letter}{j}": f"${letter}_{j + 1}$" for letter in "zab" for j in UNITS}
LABELS |= {f"dz{j}": rf"$\delta_{j + 1}$" for j in UNITS} | {
    f"da{j}": rf"$\partial L/\partial a_{j + 1}$" for j in UNITS
}


def deep(value: float) -> str:
    """The colour of a gradient as text."""
    return "#00619a" if value < 0 else "#b04c00"


class Picture:
    """The network as a figure that can show any moment of the film.

    Attributes:
        texts: the text that shows a number, by the name of the number.
    """

    def __init__(self, passes: Sequence[Pass]) -> None:
        self.passes = passes
        self.figure = Figure(figsize=SIZE, facecolor="white")
        FigureCanvasAgg(self.figure)
        self.ax = self.figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self.ax.set(xlim=(0.0, SIZE[0]), ylim=(0.0, SIZE[1]))
        self.ax.axis("off")
        # One scale for the whole film, so that gradients fade as the loss falls.
        self.largest = max(abs(one.numbers[f"d{name}"]) for one in passes for name in WEIGHTS) or 1.0
        self.texts: dict[str, Text] = {}
        self.edges: dict[str, Line2D] = {}
        self.casings: dict[str, Line2D] = {}
        self.neurons: dict[str, Any] = {}
        for part in (self._edges, self._neurons, self._tape, self._header, self._key, self._curve):
            part()
        self.dots = {
            name: self.ax.plot([], [], "o", markersize=9, markeredgecolor="white", markeredgewidth=1.3, zorder=3.5)[0]
            for name in EDGES
        }

    def _write(self, x: float, y: float, text: str = "", size: float = 10.0, **style: Any) -> Text:
        style = {"ha": "center", "va": "center", "color": INK, "math_fontfamily": "stix"} | style
        return self.ax.text(x, y, text, fontsize=size, **style)

    def _edges(self) -> None:
        box = {"boxstyle": "square,pad=0.12", "facecolor": "white", "edgecolor": "none"}
        for name, (source, target) in EDGES.items():
            (x0, y0), (x1, y1) = PLACES[source], PLACES[target]
            (self.casings[name],) = self.ax.plot([x0, x1], [y0, y1], color=INK, zorder=1.5, solid_capstyle="butt")
            (self.edges[name],) = self.ax.plot([x0, x1], [y0, y1], zorder=1.6, solid_capstyle="butt")
            if name in WEIGHTS:
                # At these shares of the way no two labels meet.
                for label, share, weight in ((name, 0.32, "normal"), (f"d{name}", 0.68, "bold")):
                    place = (x0 + share * (x1 - x0), y0 + share * (y1 - y0))
                    self.texts[label] = self._write(*place, size=9.5, color=SOFT, bbox=box, zorder=3, fontweight=weight)
        x = (PLACES["a"][0] + PLACES["L"][0]) / 2
        self.texts["da"] = self._write(x, MIDDLE + 0.43, size=10, fontweight="bold", zorder=3)

    def _neurons(self) -> None:
        for name, (x, y) in PLACES.items():
            style: dict[str, Any] = {"facecolor": "white", "edgecolor": SOFT, "linewidth": 1.6, "zorder": 4}
            if name == "L":
                self.neurons[name] = FancyBboxPatch(
                    (x - 0.32, y - 0.3), 0.64, 0.6, boxstyle="round,pad=0,rounding_size=0.1", **style
                )
            else:
                self.neurons[name] = Circle((x, y), RADIUS, **style)
            self.ax.add_patch(self.neurons[name])
            if name[0] == "x":
                self.texts[name] = self._write(x, y, size=11, zorder=5, fontweight="bold")
                self._write(x - RADIUS - 0.2, y, f"$x_{int(name[1]) + 1}$", 15)
            elif name == "L":
                self._write(x, y + 0.13, "$L$", 14, zorder=5)
                self.texts[name] = self._write(x, y - 0.13, size=11, zorder=5, fontweight="bold")
            else:
                index = name[1:]
                self.texts[f"z{index}"] = self._write(x, y + 0.14, size=9.5, zorder=5, color="#4a4a4a")
                self.texts[name] = self._write(x, y - 0.12, size=9.5, zorder=5, fontweight="bold")
                self.texts[f"b{index}" if index else "c"] = self._write(x, y + RADIUS + 0.12, size=9, color=SOFT)
                for gradient in (f"dz{index}", f"da{index}") if index else ("dz",):
                    self.texts[gradient] = self._write(x, y - RADIUS - 0.14, size=10, fontweight="bold")
        x, y = PLACES["L"]
        self.ax.annotate(
            "",
            (x, y - 0.33),
            (x, y - 0.62),
            arrowprops={"arrowstyle": "-|>", "color": SOFT, "shrinkA": 0, "shrinkB": 0},
        )
        self.texts["y"] = self._write(x, y - 0.74, size=10.5)

    def _tape(self) -> None:
        y, height = 1.14, 0.3
        self.tape = self._write(0.3, y, size=10.5, ha="left", color=SOFT)
        self.cells = []
        for x, name in zip(CELLS, self.passes[0].operations, strict=True):
            width = 0.24 + 0.085 * len(name)
            cell = FancyBboxPatch(
                (x - width / 2, y - height / 2),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=0.06",
                linewidth=1.4,
                zorder=4,
            )
            self.ax.add_patch(cell)
            self.cells.append((cell, self._write(x, y, name, 10, zorder=5, family="monospace")))
        self.ax.plot([1.35, CELLS[-1] + 0.8], [y, y], color=FAINT, linewidth=1.4, zorder=1)
        self.ax.add_patch(Rectangle((0.0, 0.0), SIZE[0], 0.86, facecolor="#f4f4f2", edgecolor="none", zorder=0))
        self._write(0.3, 1.56, "rounded to two decimals", 9, ha="left", color=SOFT)
        self.rule = self._write(0.3, 0.43, size=15, ha="left")
        self.lines = [self._write(3.0, 0.43, size=12.5, ha="left") for _ in UNITS]

    def _header(self) -> None:
        self.step = self._write(0.3, 5.66, size=12.5, ha="left", fontweight="bold")
        self.phases = {}
        for k, name in enumerate(PHASES):
            style = {"boxstyle": "round,pad=0.3,rounding_size=0.5", "linewidth": 0}
            self.phases[name] = self._write(2.6 + 1.12 * k, 5.66, name, 10.5, bbox=style, fontweight="bold")

    def _key(self) -> None:
        x, y, width = 6.2, 1.76, 1.5
        # Wide where the gradient is large, as the edges are.
        thin, thick = (self._width(gradient) / 144 for gradient in (0.0, self.largest))
        corners = [
            (x, -thick),
            (x + width / 2, -thin),
            (x + width, -thick),
            (x + width, thick),
            (x + width / 2, thin),
            (x, thick),
        ]
        shades = self.ax.imshow(
            np.linspace(0.0, 1.0, 256)[None], SIGNED, extent=(x, x + width, y - thick, y + thick), aspect="auto"
        )
        shades.set_clip_path(Polygon([(across, y + up) for across, up in corners], transform=self.ax.transData))
        for share in (-1.0, 0.0, 1.0):
            colour = deep(share) if share else SOFT
            self._write(
                x + width * (1 + share) / 2,
                y - 0.18,
                plain(share * self.largest) if share else "0",
                9,
                color=colour,
                fontweight="bold",
            )
        self._write(x + width / 2, y + 0.18, "gradient of a weight", 9.5, color=SOFT)

    def _curve(self) -> None:
        losses = [one.numbers["L"] for one in self.passes]
        inset = self.figure.add_axes((6.55 / SIZE[0], 4.68 / SIZE[1], 1.2 / SIZE[0], 0.8 / SIZE[1]))
        inset.spines[["top", "right"]].set_visible(False)
        inset.spines[["left", "bottom"]].set_color(SOFT)
        inset.set(
            xlim=(-0.3, max(len(losses) - 1, 1) + 0.3), ylim=(0.0, max(losses) * 1.12 or 1.0), xticks=[], yticks=[]
        )
        inset.set_title("loss", fontsize=10, color=SOFT, pad=3)
        inset.set_xlabel("steps", fontsize=9, color=SOFT, labelpad=4)
        (self.curve,) = inset.plot([], [], "o-", color=INK, markersize=4, linewidth=1.5, clip_on=False)

    def _colour(self, gradient: float) -> tuple[float, float, float, float]:
        return SIGNED(0.5 + 0.5 * gradient / self.largest)  # what lies beyond an end has the colour of the end

    def _width(self, gradient: float) -> float:
        return 1.2 + 6.0 * min(abs(gradient) / self.largest, 1.0)

    def show(self, moment: Moment, share: float = 1.0) -> None:
        """Draw a moment; with ``share`` below 1, what flows is still on its way and what it brings is not there yet."""
        numbers = self.passes[moment.step].numbers
        shown = moment.shown if share == 1.0 else moment.shown - moment.new
        self._show_numbers(shown, numbers)
        self._show_edges(moment, shown, numbers)
        self._show_neurons(moment, shown, numbers)
        self._show_frame(moment)
        for name, dot in self.dots.items():
            ends = [PLACES[end] for end in EDGES[name]]
            (x0, y0), (x1, y1) = ends if moment.phase == "forward" else ends[::-1]
            dot.set_data([x0 + share * (x1 - x0)], [y0 + share * (y1 - y0)])
            # Backward it has the colour of the gradient that it brings.
            arriving = numbers[f"da{name[1:]}" if name in SECOND else "da"]
            dot.set(
                color=PHASES["forward"] if moment.phase == "forward" else deep(arriving),
                visible=share < 1.0 and name in moment.flow,
            )

    def _show_numbers(self, shown: frozenset[str], numbers: dict[str, float]) -> None:
        # δ takes the place of ∂L/∂a.
        replaced = {f"da{j}" for j in UNITS if f"dz{j}" in shown}
        for name, text in self.texts.items():
            number = plain(numbers[name])
            text.set_text(
                "" if name not in shown - replaced else f"{LABELS[name]} = {number}" if name in LABELS else number
            )
            if name[0] == "d":
                text.set_color(deep(numbers[name]))

    def _show_edges(self, moment: Moment, shown: frozenset[str], numbers: dict[str, float]) -> None:
        for name, line in self.edges.items():
            active = name in moment.active
            gradient = "da" if name == "loss" else f"d{name}"
            if gradient in shown:
                width = self._width(numbers[gradient])
                line.set(color=self._colour(numbers[gradient]), linewidth=width)
            else:
                width = 2.2 if active else 1.3
                line.set(color=SOFT if active else FAINT, linewidth=width)
            self.casings[name].set(linewidth=width + 3.0, visible=active and gradient in shown)

    def _show_neurons(self, moment: Moment, shown: frozenset[str], numbers: dict[str, float]) -> None:
        for name, patch in self.neurons.items():
            value = numbers[name] if name in shown else 0.0
            patch.set_facecolor("white" if name == "L" else LIT(min(abs(value), 1.0)))
            delta = f"dz{name[1:]}"
            if name in moment.active:
                patch.set(edgecolor=INK, linewidth=3.0)
            elif name[0] == "a" and delta in shown:
                patch.set(edgecolor=self._colour(numbers[delta]), linewidth=3.0)
            else:
                patch.set(edgecolor=SOFT, linewidth=1.4)

    def _show_frame(self, moment: Moment) -> None:
        self.step.set_text(
            f"training step {moment.step + 1}" if moment.step < len(self.passes) - 1 else f"after {moment.step} steps"
        )
        self.tape.set_text({"forward": "the tape  →", "backward": "the tape  ←"}.get(moment.phase, "the tape"))
        for name, text in self.phases.items():
            now = name == moment.phase
            text.set_color("white" if now else "#9a9a9a")
            text.get_bbox_patch().set_facecolor(PHASES[name] if now else "#f0f0f0")  # type: ignore[union-attr]
        for k, (cell, text) in enumerate(self.cells):
            now = k == moment.operation
            on_tape = k < moment.recorded
            cell.set(
                facecolor=PHASES[moment.phase] if now else "white",
                edgecolor=PHASES[moment.phase] if now else SOFT if on_tape else FAINT,
            )
            text.set(color="white" if now else INK if on_tape else "#b0b0b0", fontweight="bold" if now else "normal")
        self.rule.set_text(moment.rule)
        for k, text in enumerate(self.lines):
            text.set_text(moment.lines[k] if k < len(moment.lines) else "")
            text.set_y(0.43 + 0.25 * ((len(moment.lines) - 1) / 2 - k))
        known = moment.step + ("L" in moment.shown)
        self.curve.set_data(range(known), [one.numbers["L"] for one in self.passes[:known]])


def write(picture: Picture, film: Sequence[Moment], path: Path, fps: int, dpi: int) -> int:
    """Write the film under another name and rename it, so that the file is whole whenever it is there; returns the number of frames."""
    writer = animation.FFMpegWriter(fps=fps, bitrate=2500) if path.suffix == ".mp4" else animation.PillowWriter(fps=fps)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    count = 0
    try:
        with writer.saving(picture.figure, str(partial), dpi):
            for moment in film:
                frames = max(1, round(moment.seconds * fps))
                moving = min(3, frames - 1) if moment.flow else 0
                for k in range(frames):
                    if k <= moving:
                        picture.show(moment, (k + 1) / (moving + 1))
                    writer.grab_frame()
                count += frames
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return count


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = _program.parser(__doc__, "backpropagation_output")
    parser.set_defaults(seed=97)
    parser.add_argument("--format", choices=["gif", "mp4"], default="gif", help="an MP4 needs ffmpeg")
    parser.add_argument("--steps", type=_program.at_least(1), default=6, help="steps of gradient descent")
    parser.add_argument("--lr", type=_program.at_least(0, float), default=0.05, help="learning rate")
    parser.add_argument(
        "--fps", type=_program.at_least(1), default=10, help="frames per second; few programs show a GIF faster than 50"
    )
    parser.add_argument(
        "--dpi", type=_program.at_least(20), default=100, help="dots per inch; the picture is 8 inches wide"
    )
    options = parser.parse_args(argv)
    if options.format == "mp4" and not animation.FFMpegWriter.isAvailable():
        print(
            "backpropagation.py: an MP4 needs the program ffmpeg, which is not installed; --format gif needs nothing",
            file=sys.stderr,
        )
        return 1
    _program.start(options)

    passes = learn(options.seed, options.steps, options.lr)
    losses = [one.numbers["L"] for one in passes]
    print(f"loss after 0 to {options.steps} steps: {' '.join(f'{loss:.4f}' for loss in losses)}")
    path = options.out / f"backpropagation.{options.format}"
    try:
        count = write(Picture(passes), moments(passes, options.lr), path, options.fps, options.dpi)
    except (OSError, subprocess.CalledProcessError) as error:
        why = error.strerror if isinstance(error, OSError) else f"ffmpeg ends with status {error.returncode}"
        print(f"backpropagation.py: cannot write {path}: {why}", file=sys.stderr)
        return 1
    print(f"{path.resolve()}: {count / options.fps:.1f} s, {path.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
