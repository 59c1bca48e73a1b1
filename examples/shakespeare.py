"""Train a small transformer on the plays of Shakespeare, character by character, and let it write.

The model is a GPT: embeddings of characters and positions, four pre-norm blocks of causal self-attention (width 128, four
heads) and a network with squared relu (So et al., Primer, 2021), and a linear map to the 65 characters; 0.8 million weights.
AdamW trains it on random excerpts, half of each batch on either of two threads, while the learning rate warms up and then
falls as a cosine. The last tenth of the text is for validation; there the program reports nats per character.

    python examples/shakespeare.py
    python examples/shakespeare.py --steps 500 --prompt "ROMEO:"

The text is downloaded to the cache folder unless AUTOGRAD_NP_DATA or --data names a folder that has it.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import _program

try:
    import numpy as np
    from numpy.typing import NDArray
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    import autograd_np as ag
    from autograd_np import nn
except ModuleNotFoundError as error:
    raise _program.missing(error) from None

Array = NDArray[Any]
log = logging.getLogger("shakespeare")

WARM_UP = 100  # steps
LOWEST = 0.05  # of the learning rate, at the end


# ------------------------------------------------------------------------------------------ the model


def squared_relu(x: Any) -> Any:
    """``max(x, 0)²``, which needs no tanh or exp as GELU does."""
    return np.square(ag.relu(x))


class LanguageModel(nn.Module):
    """The logits of the next character at every position.

    Args:
        characters: how many different ones there are.
        context: the longest excerpt.
        width: features of a position.
        heads: of the attention.
        layers: how many blocks.
    """

    def __init__(self, characters: int, context: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.context = context
        self.characters = nn.Embedding(characters, width, weight_init=_normal(0.02))
        self.positions = nn.Embedding(context, width, weight_init=_normal(0.02))
        options: dict[str, Any] = {"dropout": 0.0, "activation": squared_relu, "batch_first": True, "norm_first": True}
        starts: dict[str, Any] = {"weight_init": _normal(0.02), "bias_init": "zeros"}
        blocks = [nn.TransformerEncoderLayer(width, heads, 4 * width, **options, **starts) for _ in range(layers)]
        for block in blocks:
            # What the 2 · layers branches add to the residual path shall have the variance of one of them (Radford et al., GPT-2, 2019).
            for weight in (block.self_attn.out_proj.weight, block.linear2.weight):
                nn.init.normal_(weight, 0.0, 0.02 / math.sqrt(2 * layers))
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, characters, bias=False, weight_init=_normal(0.02))

    def forward(self, x: Array) -> ag.Tensor:
        """Numbers of characters (batch, length) to logits (batch, length, characters)."""
        h: Any = self.characters(x) + self.positions(np.arange(x.shape[1]))
        for block in self.blocks:
            h = block(h, is_causal=True)
        return self.head(self.norm(h))


def _normal(deviation: float) -> Callable[..., Array]:
    """An initialiser: N(0, deviation²)."""

    def draw(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.normal(0.0, deviation, shape)

    return draw


def loss_of(model: LanguageModel, x: Array, y: Array) -> ag.Tensor:
    """The mean of -log(probability of the character that follows), in nats."""
    return ag.softmax_cross_entropy(model(x), y)


def evaluate(model: LanguageModel, text: Array, *, excerpts: int | None = None, batch: int = 32) -> float:
    """The loss on a text cut into excerpts one after the other: on all of them, or on so many evenly spread ones."""
    count = (len(text) - 1) // model.context
    x = text[: count * model.context].reshape(count, model.context)
    y = text[1 : count * model.context + 1].reshape(count, model.context)
    chosen = (
        np.arange(count) if excerpts is None or excerpts >= count else np.linspace(0, count - 1, excerpts).astype(int)
    )
    total = 0.0
    with ag.no_grad():
        for start in range(0, len(chosen), batch):
            part = chosen[start : start + batch]
            total += loss_of(model, x[part], y[part]).item() * len(part)
    return total / len(chosen)


def write(
    model: LanguageModel, prompt: Array, length: int, count: int, temperature: float, rng: np.random.Generator
) -> Array:
    """``count`` continuations of the prompt, drawn character by character: (count, len(prompt) + length)."""
    text = np.tile(prompt, (count, 1))
    with ag.no_grad():
        for _ in range(length):
            logits = model(text[:, -model.context :]).numpy()[:, -1].astype(float)
            # The largest of the logits plus Gumbel noise is a draw from their softmax.
            drawn = np.argmax(logits / temperature + rng.gumbel(size=logits.shape), axis=1)
            text = np.concatenate([text, drawn[:, None]], axis=1)
    return text


# --------------------------------------------------------------------------------------- the training


def excerpts_of(text: Array, count: int, length: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Random excerpts, and the same moved on by one character."""
    starts = rng.integers(0, len(text) - length, count)
    taken = text[starts[:, None] + np.arange(length + 1)]
    return taken[:, :-1], taken[:, 1:]


def share_of_rate(step: int, progress: float) -> float:
    """The factor of the learning rate: a linear warm-up, and a cosine down to ``LOWEST`` as progress goes from 0 to 1."""
    return min(1.0, (step + 1) / WARM_UP) * (LOWEST + (1 - LOWEST) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2)


def train(
    model: LanguageModel,
    text: Array,
    held_out: Array,
    rng: np.random.Generator,
    *,
    steps: int,
    minutes: float,
    batch: int,
    lr: float,
    weight_decay: float,
    threads: int,
    every: int,
) -> dict[str, list[float]]:
    """Train until all steps are done or the minutes are over, whichever comes first: the learning rate falls with what is nearer.

    Returns:
        Every so many steps: the number of ``steps``, the mean ``loss`` since the last time, ``val_loss`` and ``lr``.
    """
    # Biases and scales are not drawn to 0.
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = nn.AdamW(groups, lr=lr, betas=(0.9, 0.99))
    history: dict[str, list[float]] = {"steps": [], "loss": [], "val_loss": [], "lr": []}
    losses: list[float] = []

    def part(pair: tuple[Array, Array]) -> float:
        """The share of these excerpts in the loss and, added to ``.grad``, in its gradient."""
        loss = loss_of(model, *pair) * (len(pair[0]) / batch)
        loss.backward()
        return float(loss.item())

    def note(done: int) -> None:
        """Add to the history, and tell."""
        history["steps"].append(done)
        history["loss"].append(float(np.mean(losses)))
        history["val_loss"].append(evaluate(model, held_out, excerpts=128))
        history["lr"].append(optimizer.param_groups[0]["lr"])
        losses.clear()
        seconds = time.perf_counter() - begin
        log.info(
            "step %5d  loss %.3f  validation %.3f  %4.0f s", done, history["loss"][-1], history["val_loss"][-1], seconds
        )

    done = 0
    begin = time.perf_counter()
    with (
        ThreadPoolExecutor(threads) as pool,
        logging_redirect_tqdm(),
        tqdm(total=steps, unit="step", desc="training", mininterval=1.0) as bar,
    ):
        while done < steps:
            progress = max(done / steps, (time.perf_counter() - begin) / (60 * minutes))
            if progress >= 1 and done:
                log.info("the %g minutes are over after %d of %d steps", minutes, done, steps)
                break
            for group in optimizer.param_groups:
                group["lr"] = lr * share_of_rate(done, progress)
            x, y = excerpts_of(text, batch, model.context, rng)
            optimizer.zero_grad()
            # NumPy lets go of Python's lock while it computes. Two gradients have the same sum in either order.
            losses.append(sum(pool.map(part, zip(np.array_split(x, threads), np.array_split(y, threads), strict=True))))
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            done += 1
            bar.update()
            if done % every == 0:
                note(done)
        if losses:
            note(done)
    return history


# ---------------------------------------------------------------------------------------- the program


def positive(text: str) -> float:
    """An argparse type: a number above 0."""
    value = float(text)
    if not value > 0:
        raise ValueError
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = _program.parser(__doc__, "shakespeare_output")
    parser.add_argument(
        "--data",
        type=Path,
        help="folder of the text, input.txt (else AUTOGRAD_NP_DATA, the cache folder, or the network)",
    )
    parser.add_argument("--steps", type=_program.at_least(1), default=4000, help="updates of the weights")
    parser.add_argument("--minutes", type=positive, default=12.0, help="stop training then even if steps are left")
    parser.add_argument("--batch", type=_program.at_least(1), default=16, help="excerpts per step")
    parser.add_argument("--context", type=_program.at_least(1), default=64, help="characters of an excerpt")
    parser.add_argument(
        "--width", type=_program.at_least(1), default=128, help="features of a position; a multiple of the heads"
    )
    parser.add_argument("--heads", type=_program.at_least(1), default=4, help="heads of the attention")
    parser.add_argument("--layers", type=_program.at_least(1), default=4, help="blocks")
    parser.add_argument("--lr", type=positive, default=3e-3, help="highest learning rate")
    parser.add_argument("--weight-decay", type=_program.at_least(0, float), default=0.1, help="of the matrices")
    parser.add_argument("--threads", type=int, choices=[1, 2], default=2, help="that share each batch")
    parser.add_argument("--every", type=_program.at_least(1), default=250, help="steps from one validation to the next")
    parser.add_argument("--samples", type=_program.at_least(0), default=2, help="texts to write")
    parser.add_argument("--length", type=_program.at_least(1), default=500, help="characters of each")
    parser.add_argument("--temperature", type=positive, default=0.8, help="below 1: rather the likely characters")
    parser.add_argument("--prompt", default="\n", help="what the texts begin with")
    options = parser.parse_args(argv)
    if options.width % options.heads:
        parser.error(f"argument --heads: {options.heads} does not divide the width {options.width}")
    if options.batch < options.threads:
        parser.error(f"argument --batch: {options.batch} excerpts are too few for {options.threads} threads")
    _program.start(options)
    try:
        text = nn.data.tinyshakespeare(root=options.data)
    except nn.data.DataError as error:
        print(f"shakespeare.py: {error}", file=sys.stderr)
        return 1
    alphabet = np.array(sorted(set(text)))
    unknown = sorted(set(options.prompt) - set(text))
    if unknown or not options.prompt:
        parser.error(
            f"argument --prompt: the text has no {', '.join(map(repr, unknown))}"
            if unknown
            else "argument --prompt: is empty"
        )

    def numbers(of: str) -> Array:
        return np.searchsorted(alphabet, np.array(list(of)))

    data = numbers(text)
    split = len(data) * 9 // 10
    seen, held_out = data[:split], data[split:]
    if options.context >= len(held_out):
        parser.error(
            f"argument --context: an excerpt must be shorter than the {len(held_out)} characters for validation"
        )
    rng = np.random.default_rng(options.seed)
    nn.manual_seed(options.seed)
    model = LanguageModel(len(alphabet), options.context, options.width, options.heads, options.layers)
    count = sum(p.size for p in model.parameters())
    print(
        f"{count} weights; {len(seen)} characters to learn from, {len(held_out)} for validation, {len(alphabet)} different ones"
    )

    begin = time.perf_counter()
    history = train(
        model,
        seen,
        held_out,
        rng,
        steps=options.steps,
        minutes=options.minutes,
        batch=options.batch,
        lr=options.lr,
        weight_decay=options.weight_decay,
        threads=options.threads,
        every=options.every,
    )
    print(f"trained for {history['steps'][-1]:.0f} steps in {(time.perf_counter() - begin) / 60:.1f} minutes")
    print(f"validation loss    {evaluate(model, held_out):.4f} nats per character")
    if options.samples:
        for number, sample in enumerate(
            write(model, numbers(options.prompt), options.length, options.samples, options.temperature, rng), start=1
        ):
            print(f"\n--- sample {number} ---\n{''.join(alphabet[sample]).strip()}")
    picture = nn.plot.curves(
        history, ["loss", "lr"], labels={"loss": "nats per character"}, x=history["steps"], x_label="step"
    )
    try:
        nn.plot.save(picture, options.out / "loss_curve.png")
    except OSError as error:
        print(f"shakespeare.py: cannot write to {options.out}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"\npicture in {options.out.resolve()}: loss_curve.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
