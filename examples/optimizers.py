"""Let the optimizers race: down Beale's valley, and in training a network on the spiral.

Left, each starts at the same point of Beale's function, whose minimum at (3, ½) lies at the end of a long flat valley with steep walls.
Right, each trains the same network 2 → 64 → 64 → 3 from the same first weights. Time is counted in gradients computed, because
L-BFGS needs several of them for a step. The learning rates are ones that suit each optimizer; see RACERS. The race is written as an
animated GIF, as an MP4 where ffmpeg is installed, and as a still of its end; a table says who arrived when.

    python examples/optimizers.py
    python examples/optimizers.py --steps 600 --out race
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _program

try:
    import matplotlib.animation as animation
    import matplotlib.patheffects as effects
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    import autograd_np as ag
    from autograd_np import nn
except ModuleNotFoundError as error:
    raise _program.missing(error) from None

Array = NDArray[Any]
Make = Callable[[Any], nn.Optimizer]
log = logging.getLogger("optimizers")

INK = "#222222"
MINIMUM = (3.0, 0.5)
START = (0.7, 1.4)
FRAME = (-0.4, 4.2, -1.05, 1.85)  # x from, to, y from, to


@dataclass(frozen=True)
class Racer:
    """An optimizer with its learning rates, and how it is drawn."""

    name: str
    colour: str
    marker: str
    on_surface: Make
    on_spiral: Make


# Colours of Okabe and Ito, which colour-blind readers can tell apart; the heads have markers of their own.
RACERS = (
    Racer("SGD", "#000000", "o", lambda p: nn.SGD(p, lr=5e-3), lambda p: nn.SGD(p, lr=0.3)),
    Racer(
        "momentum",
        "#0072B2",
        "s",
        lambda p: nn.SGD(p, lr=2e-3, momentum=0.9),
        lambda p: nn.SGD(p, lr=0.1, momentum=0.9),
    ),
    Racer("Adagrad", "#009E73", "^", lambda p: nn.Adagrad(p, lr=0.4), lambda p: nn.Adagrad(p, lr=0.03)),
    Racer("RMSprop", "#56B4E9", "v", lambda p: nn.RMSprop(p, lr=0.02), lambda p: nn.RMSprop(p, lr=2e-3)),
    Racer("Adam", "#D55E00", "D", lambda p: nn.Adam(p, lr=0.1), lambda p: nn.Adam(p, lr=0.01)),
    Racer("NAdam", "#E69F00", "P", lambda p: nn.NAdam(p, lr=0.1), lambda p: nn.NAdam(p, lr=0.01)),
    Racer("Lion", "#CC79A7", "X", lambda p: nn.Lion(p, lr=0.01, betas=(0.9, 0.95)), lambda p: nn.Lion(p, lr=1e-3)),
    Racer(
        "L-BFGS",
        "#8A6D3B",
        "*",
        lambda p: nn.LBFGS(p, max_iter=1, max_eval=25, line_search_fn="strong_wolfe"),
        lambda p: nn.LBFGS(p, max_iter=1, max_eval=25, line_search_fn="strong_wolfe"),
    ),
)


@dataclass
class Run:
    """What became of a racer: positions and losses after each gradient computed."""

    racer: Racer
    path: Array  # (gradients + 1, 2)
    heights: Array
    losses: Array
    accuracy: float


# --------------------------------------------------------------------------------------- the race


def beale(x: Any, y: Any) -> Any:
    """Beale's function, least (0) at (3, 1/2)."""
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def watched(
    optimizer: nn.Optimizer, closure: Callable[[], ag.Tensor], note: Callable[[], Any], steps: int
) -> list[Any]:
    """Optimize until ``steps`` gradients have been computed; what ``note`` says after each, with the start first.

    An optimizer that computes several gradients for a step stands still until it is made.
    """
    notes = [note()]
    computed = 0

    def counted() -> ag.Tensor:
        nonlocal computed
        computed += 1
        optimizer.zero_grad()
        loss = closure()
        loss.backward()
        return loss

    while len(notes) <= steps:
        before = computed
        optimizer.step(counted)
        latest = note()
        notes += [notes[-1]] * (computed - before - 1) + [latest]
    return notes[: steps + 1]


def descend(racer: Racer, steps: int) -> Array:
    """The path down Beale's function."""
    position = ag.Tensor(list(START), requires_grad=True)
    return np.array(
        watched(racer.on_surface([position]), lambda: beale(position[0], position[1]), position.tolist, steps)
    )


def learn(racer: Racer, data: tuple[Array, Array], steps: int, seed: int) -> tuple[Array, float]:
    """The losses on the spiral, and the accuracy in the end; all points at every step."""
    nn.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 3))
    x, labels = data
    criterion = nn.CrossEntropyLoss()

    def loss() -> ag.Tensor:
        value: ag.Tensor = criterion(model(x), labels)
        return value

    def measured() -> float:
        with ag.no_grad():
            return float(loss().item())

    losses = watched(racer.on_spiral(model.parameters()), loss, measured, steps)
    with ag.no_grad():
        right = np.argmax(model(x).numpy(), axis=1) == labels
    return np.array(losses), float(right.mean())


def race(data: tuple[Array, Array], steps: int, seed: int) -> list[Run]:
    """Let all of them run."""
    runs = []
    for racer in RACERS:
        start = time.perf_counter()
        path = descend(racer, steps)
        losses, accuracy = learn(racer, data, steps, seed)
        runs.append(Run(racer, path, beale(path[:, 0], path[:, 1]), losses, accuracy))
        log.info(
            "%-9s at (%6.3f, %6.3f), spiral loss %.4f, %.1f s",
            racer.name,
            *path[-1],
            losses[-1],
            time.perf_counter() - start,
        )
    return runs


def arrival(values: Array, goal: float) -> str:
    """After how many gradients a value fell under the goal for the first time."""
    under = np.flatnonzero(values < goal)
    return str(under[0]) if len(under) else "–"


def table(runs: Sequence[Run]) -> str:
    """Who arrived when, and where they are in the end."""
    lines = [
        f"{'':<10}{'Beale: height':>14}{'distance':>10}{'gradients':>11}{'spiral: loss':>15}{'accuracy':>10}{'gradients':>11}",
        f"{'':<10}{'in the end':>14}{'left':>10}{'to 0.01':>11}{'in the end':>15}{'':>10}{'to 0.1':>11}",
    ]
    for run in runs:
        distance = float(np.hypot(*(run.path[-1] - MINIMUM)))
        surface = f"{run.heights[-1]:>14.2e}{distance:>10.3f}{arrival(run.heights, 0.01):>11}"
        lines.append(
            f"{run.racer.name:<10}{surface}{run.losses[-1]:>15.4f}{run.accuracy:>10.1%}{arrival(run.losses, 0.1):>11}"
        )
    return "\n".join(lines)


# --------------------------------------------------------------------------------------- the pictures


def outlined(width: float) -> list[effects.AbstractPathEffect]:
    """A white rim, so that lines stay legible where they cross."""
    return [effects.Stroke(linewidth=width + 1.6, foreground="white"), effects.Normal()]


def landscape(ax: Axes) -> None:
    """The surface as contours of equal ratio, with its minimum."""
    x, y = np.meshgrid(np.linspace(*FRAME[:2], 400), np.linspace(*FRAME[2:], 300))
    height = np.log10(beale(x, y) + 1e-3)
    levels = np.linspace(-2.5, 4.5, 29)
    depth = LinearSegmentedColormap.from_list("depth", ["#fbf8f0", "#e6e9ec", "#c3ccd7", "#97a5b8"])
    # An image of the bands is drawn anew in each frame much faster than filled contours.
    bands = np.floor((height - levels[0]) / (levels[1] - levels[0]))
    ax.imshow(bands, origin="lower", extent=FRAME, aspect="auto", cmap=depth, interpolation="bilinear")
    ax.contour(x, y, height, levels=levels[::2], colors="white", linewidths=0.6, linestyles="solid", alpha=0.9)
    ax.plot(
        *MINIMUM,
        "o",
        markersize=19,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=1.3,
        path_effects=outlined(1.3),
        zorder=5,
    )
    ax.annotate(
        "minimum",
        MINIMUM,
        xytext=(0, 15),
        textcoords="offset points",
        ha="center",
        fontsize=10,
        color=INK,
        path_effects=outlined(1.0),
        zorder=9,
    )
    ax.annotate(
        "start",
        START,
        xytext=(-9, 9),
        textcoords="offset points",
        ha="right",
        fontsize=10,
        color=INK,
        path_effects=outlined(1.0),
        zorder=9,
    )
    ax.plot(*START, "o", markersize=6, markerfacecolor="white", markeredgecolor=INK, zorder=9)
    ax.set(xlim=FRAME[:2], ylim=FRAME[2:], xticks=[0, 1, 2, 3, 4], yticks=[0, 1], xlabel="$x$")
    ax.set_ylabel("$y$", rotation=0, labelpad=8)
    ax.set_title("Down Beale's valley", color=INK, fontsize=13, pad=9)
    ax.spines[:].set_visible(False)


class Picture:
    """The race as a figure that can show any moment of it."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = runs
        self.steps = len(runs[0].losses) - 1
        self.figure = Figure(figsize=(11.0, 5.2), layout="constrained")
        FigureCanvasAgg(self.figure)
        surface, curves = self.figure.subplots(1, 2, width_ratios=[1.25, 1.0])
        landscape(surface)
        curves.set_title("Training on the spiral", color=INK, fontsize=13, pad=9)
        curves.set(yscale="log", xlim=(0, self.steps * 1.02), xlabel="gradients computed")
        every = np.concatenate([run.losses for run in runs])
        finite = every[np.isfinite(every) & (every > 0)]
        curves.set_ylim(max(finite.min() / 1.5, 1e-6), min(finite.max() * 1.3, 4.0))
        curves.set_ylabel("cross-entropy (nats)", color=INK)
        curves.spines[["top", "right"]].set_visible(False)
        curves.grid(axis="y", color="#e2e2e2", linewidth=0.8)
        curves.set_axisbelow(True)
        for ax in (surface, curves):
            ax.tick_params(colors="#555555", labelsize=9)
        self.drawn = []
        for k, run in enumerate(runs):
            racer = run.racer
            style: dict[str, Any] = {"color": racer.colour, "solid_capstyle": "round"}
            head: dict[str, Any] = {
                "marker": racer.marker,
                "color": racer.colour,
                "markeredgecolor": "white",
                "markeredgewidth": 0.9,
                "markersize": 13 if racer.marker == "*" else 8.5,
                "linestyle": "none",
            }
            (path,) = surface.plot([], [], linewidth=1.7, path_effects=outlined(1.7), zorder=3 + 0.1 * k, **style)
            (body,) = surface.plot([], [], zorder=6 + 0.1 * k, label=racer.name, **head)
            (curve,) = curves.plot([], [], linewidth=1.6, path_effects=outlined(1.6), zorder=3 + 0.1 * k, **style)
            (tip,) = curves.plot([], [], zorder=6 + 0.1 * k, clip_on=False, **head)
            self.drawn.append((run, path, body, curve, tip))
        handles, labels = surface.get_legend_handles_labels()
        self.figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=len(runs),
            frameon=False,
            fontsize=11,
            handletextpad=0.15,
            columnspacing=1.5,
        )
        self.clock = curves.text(
            0.98, 0.97, "", transform=curves.transAxes, ha="right", va="top", fontsize=10, color="#555555"
        )
        # The layout is that of the first frame: found once, it does not tremble.
        self.show(0)
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")

    def show(self, moment: int) -> None:
        """Draw the race as it stands after so many gradients."""
        for run, path, body, curve, tip in self.drawn:
            path.set_data(*run.path[: moment + 1].T)
            body.set_data(*run.path[moment : moment + 1].T)
            curve.set_data(np.arange(moment + 1), run.losses[: moment + 1])
            tip.set_data([moment], run.losses[moment : moment + 1])
        self.clock.set_text(f"{moment} gradients")

    def moments(self, frames: int) -> list[int]:
        """Moments of the animation: dense at first, when most happens."""
        shares = np.linspace(0.0, 1.0, frames) ** 1.7
        return sorted({round(share * self.steps) for share in shares})

    def animate(self, path: Path, frames: int, writer: animation.AbstractMovieWriter, dpi: int) -> None:
        """Write the race under another name and rename it, so that the file is whole whenever it is there."""
        partial = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
        moments = self.moments(frames)
        try:
            with writer.saving(self.figure, str(partial), dpi):
                for moment in moments + [moments[-1]] * (frames // 4):  # it rests at the end
                    self.show(moment)
                    writer.grab_frame()
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = _program.parser(__doc__, "optimizers_output")
    parser.add_argument(
        "--steps", type=_program.at_least(1), default=300, help="gradients that each optimizer may compute"
    )
    parser.add_argument("--points", type=_program.at_least(2), default=100, help="points per arm of the spiral")
    parser.add_argument("--frames", type=_program.at_least(2), default=80, help="pictures in the animation")
    options = parser.parse_args(argv)
    _program.start(options)

    start = time.perf_counter()
    data = nn.data.spiral(options.points, rng=options.seed)
    runs = race(data, options.steps, options.seed)
    print(f"{len(runs)} optimizers, {options.steps} gradients each, in {time.perf_counter() - start:.1f} s\n")
    print(table(runs))

    picture = Picture(runs)
    written = [options.out / "optimizers.png", options.out / "optimizers.gif"]
    try:
        picture.show(options.steps)
        nn.plot.save(picture.figure, written[0])
        picture.animate(written[1], options.frames, animation.PillowWriter(fps=15), dpi=80)
        if shutil.which("ffmpeg"):
            film = options.out / "optimizers.mp4"
            try:
                picture.animate(film, options.frames, animation.FFMpegWriter(fps=15, bitrate=3000), dpi=120)
            except subprocess.CalledProcessError as error:  # an ffmpeg without the encoder
                log.warning("no MP4: %s", error)
            else:
                written.append(film)
        else:
            log.info("no MP4: ffmpeg is not installed")
    except OSError as error:
        print(f"optimizers.py: cannot write to {options.out}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"\npictures in {options.out.resolve()}: {', '.join(path.name for path in written)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
