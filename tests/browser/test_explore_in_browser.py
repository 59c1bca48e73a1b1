"""The page of ``explore`` in headless Chromium: by mouse, keyboard and touch, against NumPy's values and ``.grad``.

Skipped without ``pip install playwright`` (which need not bring a browser of its own) and Chromium on PATH; half of it
without Graphviz.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_np as ag
import nn
from autograd_np.graph.explorer import layout

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not there")
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
CAN_RENDER = importlib.util.find_spec("pygraphviz") is not None or shutil.which("dot") is not None
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not there")
LAYOUTS = [
    pytest.param(True, id="graphviz", marks=pytest.mark.skipif(not CAN_RENDER, reason="no Graphviz")),
    pytest.param(False, id="own"),
]
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield running
        running.close()


class Net:
    """The network of the exclusive or, its values and its gradients."""

    def __init__(self, folder: Path) -> None:
        self.model = nn.Sequential(nn.Linear(2, 4, rng=0), nn.ReLU(), nn.Linear(4, 1, rng=1))
        with ag.annotate():
            self.loss = nn.BCEWithLogitsLoss()(self.model(X), Y)
        self.path = ag.explore(self.loss, folder / "xor.html", title="The exclusive or")
        self.loss.backward()
        w, b, v, c = (t.numpy() for t in self.model.parameters())
        hidden = X @ w + b
        self.forward = [
            w,
            b,
            v,
            c,
            hidden,
            np.maximum(hidden, 0),
            np.maximum(hidden, 0) @ v + c,
            np.asarray(self.loss.item()),
        ]
        self.grads = [t.grad for t in self.model.parameters()]


@pytest.fixture(scope="module", params=LAYOUTS, autouse=True)
def layout_engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every page is laid out by Graphviz and by the library itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "has_graphviz", lambda: request.param)
        yield


@pytest.fixture(scope="module")
def net(layout_engine: None, tmp_path_factory: pytest.TempPathFactory) -> Net:
    return Net(tmp_path_factory.mktemp("pages"))


Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any) -> Iterator[Open]:
    """Opens a file; at the end no error and no request but for that file may have been."""
    contexts, complaints, asked = [], [], []

    def opened(path: Path, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()] * len(contexts)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints
    assert len([url for url in asked if not url.startswith("data:")]) == len(contexts), "nothing but the file itself"


def parsed(text: str) -> float:
    return float(text.replace("−", "-").replace("∞", "inf"))


def numbers(figure: Any) -> Any:
    """The numbers in the cells of a heat map, in full."""
    cells = figure.locator("td")
    return np.array(
        [parsed(title.rpartition("= ")[2]) for title in cells.evaluate_all("cells => cells.map((cell) => cell.title)")]
    )


def shown(page: Any, heading: str) -> Any:
    """The first heat map below a heading of the panel."""
    found = page.locator("#panel").locator(
        f"xpath=.//h3[starts-with(normalize-space(.), '{heading}')]/following-sibling::figure[1]"
    )
    assert found.count(), f"{heading}: {page.locator('#panel').inner_text()}"
    return numbers(found.first)


def now(page: Any) -> str:
    """What the page says about the step."""
    return str(page.locator("#where").inner_text())


def move(page: Any, step: int) -> None:
    page.locator("#step").evaluate(
        "(slider, step) => { slider.value = step; slider.dispatchEvent(new Event('input')); }", step
    )


def current(page: Any) -> Any:
    return page.locator("#graph [aria-current=step]")


def test_a_walk_by_mouse_shows_the_values_and_the_gradients(net: Net, open_page: Open) -> None:
    page = open_page(net.path)
    after = page.get_by_role("button", name="Next step")
    names = ["0.weight", "0.bias", "2.weight", "2.bias", "linear", "relu", "linear", "binary_cross_entropy_with_logits"]
    for i, (name, value) in enumerate(zip(names, net.forward, strict=True)):
        assert now(page).startswith(f"Step {i + 1} of 16, forward: {'parameter ' if i < 4 else ''}{name}")
        assert page.locator("#panel h2").inner_text().startswith(name)
        assert current(page).get_attribute("data-id") == f"n{i}"
        np.testing.assert_allclose(shown(page, "Value"), value.ravel(), rtol=1e-6, atol=1e-7)
        after.click()
    assert "backward: binary" in now(page)
    for i in reversed(range(8)):
        assert now(page).startswith(f"Step {16 - i} of 16, backward")
        assert current(page).get_attribute("data-id") == f"n{i}"
        if i < 4:
            np.testing.assert_array_equal(shown(page, "Gradient").astype(np.float32), net.grads[i].ravel())
            assert ".grad" in page.locator("#panel h3").first.inner_text()
        if i:
            after.click()
    assert after.is_disabled()
    page.get_by_role("button", name="First step").click()
    assert now(page).startswith("Step 1 of 16")


def test_what_flows_is_highlighted(net: Net, open_page: Open) -> None:
    page = open_page(net.path)
    move(page, 7)
    assert page.locator("#graph .edge.flow").count() == 3
    assert sorted(page.locator("#graph .word").all_text_contents()) == ["bias", "weight", "x"]
    move(page, 10)
    assert page.locator("#graph .edge.flow.gradient").count() == 3
    assert sorted(page.locator("#graph .word").all_text_contents()) == ["gbias", "gweight", "gx"]
    assert page.locator("#graph .box.reached").count() == 2


def test_formulas_follow_the_cell(net: Net, open_page: Open) -> None:
    page = open_page(net.path)
    move(page, 5)
    w, b, hidden = net.forward[0], net.forward[1], net.forward[4]
    lines = page.locator("#panel .lines").first
    assert (
        lines.inner_text()
        .replace("\xa0", " ")
        .startswith("out[0, 0]\n= x[0, 0] · weight[0, 0] + x[0, 1] · weight[1, 0] + bias[0]")
    )
    page.locator("#panel table").first.locator("td").nth(3 * 4 + 1).click()
    text = lines.inner_text().replace("\xa0", " ")
    assert text.startswith("out[3, 1]\n")
    assert [abs(float(f"{v:.4g}")) for v in (w[0, 1], w[1, 1], b[1])] == [
        abs(parsed(v)) for v in re.findall(r"[\d.]{4,}", text.splitlines()[-2])
    ]
    assert parsed(text.rpartition("= ")[2]) == float(f"{hidden[3, 1]:.4g}")
    page.keyboard.press("ArrowUp")
    assert lines.inner_text().startswith("out[2,")
    assert page.locator("#panel td[aria-selected=true]").first.get_attribute("title").startswith("[2, 1] = ")


def test_a_walk_by_keyboard(net: Net, open_page: Open) -> None:
    page = open_page(net.path)
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.getAttribute('data-id') || "
                "document.activeElement.className.baseVal"
            )
        )
    for name in ("words", "depth", "zoom-in", "zoom-fit", "play", "after", "step", "panel"):
        assert name in reached, (name, reached)
    page.locator("#step").focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    assert now(page).startswith("Step 9 of 16, backward")
    assert (
        page.locator("#step")
        .get_attribute("aria-valuetext")
        .startswith("Step 9 of 16, backward: binary_cross_entropy_with_logits, in BCEWithLogitsLoss")
    )
    assert page.locator("#live").inner_text() == now(page)
    page.keyboard.press("End")
    np.testing.assert_array_equal(shown(page, "Gradient").astype(np.float32), net.grads[0].ravel())
    page.keyboard.press("Home")
    page.locator("#play").focus()
    page.keyboard.press("Space")
    assert page.locator("#play").inner_text().strip() == "Pause"
    page.wait_for_function("() => document.getElementById('step').value === '2'")
    page.keyboard.press("Space")
    assert page.locator("#play").inner_text().strip() == "Play"


def test_the_graph_by_keyboard(net: Net, open_page: Open) -> None:
    page = open_page(net.path)
    page.locator("#graph [data-id=n4]").focus()
    page.keyboard.press("Enter")
    assert now(page).startswith("Step 5 of 16, forward: linear")
    page.keyboard.press("ArrowDown")
    ids = []
    for _ in range(12):
        if page.evaluate("document.activeElement.dataset.id") == "n7":
            break
        page.keyboard.press("ArrowDown")
        ids.append(page.evaluate("document.activeElement.dataset.id || document.activeElement.dataset.part"))
    assert page.evaluate("document.activeElement.dataset.id") == "n7", ids
    style = page.evaluate("getComputedStyle(document.activeElement.querySelector('.ring')).stroke")
    assert style not in ("none", ""), "the focus is seen"
    before = page.locator("#graph > g").get_attribute("transform")
    page.keyboard.press("+")
    assert page.locator("#graph > g").get_attribute("transform") != before
    page.keyboard.press("0")
    page.keyboard.press("Shift+ArrowLeft")
    assert page.locator("#graph > g").get_attribute("transform") != before
    page.keyboard.press("0")
    assert page.locator("#graph > g").get_attribute("transform") == before


def boxes(page: Any) -> dict[str, Any]:
    found = page.evaluate(
        """[...document.querySelectorAll("#graph .box")].map((box) => {
          const place = box.querySelector(".body").getBBox();
          return [box.dataset.id, place.x, place.y, place.width, place.height];
        })"""
    )
    return {name: place for name, *place in found}


def apart(places: dict[str, Any]) -> bool:
    rows = list(places.values())
    return not any(
        a[0] < b[0] + b[2] - 1 and b[0] < a[0] + a[2] - 1 and a[1] < b[1] + b[3] - 1 and b[1] < a[1] + a[3] - 1
        for i, a in enumerate(rows)
        for b in rows[:i]
    )


def test_modules_close_and_open_one_by_one(net: Net, open_page: Open) -> None:
    page = open_page(net.path)
    whole = boxes(page)
    assert len(whole) == 10
    assert apart(whole)
    page.get_by_role("button", name="0: Linear, module").click()
    closed = boxes(page)
    assert set(whole) - set(closed) == {"n0", "n1", "n4"}
    assert set(closed) - set(whole) == {"p1"}
    assert apart(closed)
    assert page.locator("#live").inner_text() == "0: Linear is closed."
    assert page.evaluate("document.activeElement.dataset.id") == "p1", "the focus stays"
    move(page, 5)
    assert current(page).get_attribute("data-id") == "p1", "a step inside is seen at the closed module"
    assert page.locator("#panel h2").inner_text().startswith("linear")
    tips = page.evaluate(
        "[...document.querySelectorAll('#graph [data-head]')].map((edge) => [edge.dataset.tail, edge.dataset.head])"
    )
    assert ["p1", "n5"] in tips
    page.locator("#graph [data-id=p1]").focus()
    page.keyboard.press("Enter")
    assert boxes(page) == whole
    page.get_by_role("button", name="Sequential, module").click()
    assert set(boxes(page)) == {"p0", "c4_0", "n7", "c7_1"}
    assert apart(boxes(page))


def test_depth(net: Net, open_page: Open) -> None:
    page = open_page(net.path)
    for depth, expected in (("0", {"p0", "p4", "c4_0", "c7_1"}), ("1", {"p1", "p2", "p3", "n7", "c4_0", "c7_1"})):
        page.select_option("#depth", depth)
        assert set(boxes(page)) == expected
        assert apart(boxes(page))
    page.select_option("#depth", "2")
    assert len(boxes(page)) == 10


def test_every_choice_of_closed_modules_has_boxes_apart(tmp_path: Path, open_page: Open) -> None:
    nn.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0)
    path = ag.explore(
        layer(np.random.default_rng(0).normal(size=(3, 2, 4)).astype(np.float32)).sum(), tmp_path / "net.html"
    )
    page = open_page(path)
    count = page.evaluate("data.parts.length")
    assert count > 6
    for number in range(2**count) if count < 7 else np.random.default_rng(1).integers(0, 2**count, 60).tolist():
        closed = [p for p in range(count) if number >> p & 1]
        page.evaluate("(closed) => picture.setClosed(new Set(closed))", closed)
        found = boxes(page)
        assert apart(found), closed
        ends = page.evaluate(
            "[...document.querySelectorAll('#graph [data-head]')].flatMap((edge) => [edge.dataset.tail, "
            "edge.dataset.head])"
        )
        assert set(ends) <= set(found)
        assert page.evaluate(
            "[...document.querySelectorAll('#graph path')].every((path) => "
            "!/NaN|undefined|Infinity/.test(path.getAttribute('d')))"
        )


def test_search(net: Net, open_page: Open) -> None:
    page = open_page(net.path)
    page.locator("#words").fill("weight")
    assert page.locator("#hits").inner_text() == "2 hits"
    assert page.locator("#graph .box.hit").count() == 2
    page.keyboard.press("Enter")
    assert page.locator("#hits").inner_text() == "1 of 2"
    assert now(page).startswith("Step 1 of 16")
    page.get_by_role("button", name="Next hit").click()
    assert now(page).startswith("Step 3 of 16")
    page.get_by_role("button", name="Previous hit").click()
    assert now(page).startswith("Step 1 of 16")
    page.locator("#words").fill("sequential/1")
    page.keyboard.press("Enter")
    assert now(page).startswith("Step 6 of 16, forward: relu")
    page.locator("#words").fill("nothing like it")
    assert page.locator("#hits").inner_text() == "no hit"
    assert page.get_by_role("button", name="Next hit").is_disabled()
    page.locator("#words").fill("")
    assert page.locator("#graph .box.hit").count() == 0


def test_zoom_and_pan_by_mouse(net: Net, open_page: Open) -> None:
    page = open_page(net.path)
    place = page.locator("#graph").bounding_box()
    x, y = place["x"] + 20, place["y"] + 20

    def view() -> list[float]:
        return [float(v) for v in re.findall(r"-?[\d.]+", page.locator("#graph > g").get_attribute("transform"))]

    before = view()
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    page.wait_for_function(
        "(before) => !document.querySelector('#graph > g').getAttribute('transform').includes(before)",
        arg=f"scale({before[2]}",
    )
    assert view()[2] > before[2]
    near = (20 - view()[0]) / view()[2], (20 - before[0]) / before[2]
    assert abs(near[0] - near[1]) < 1, "what is under the pointer stays there"
    page.get_by_role("button", name="Fit").click()
    assert view() == before
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 80, y + 30, steps=4)
    page.mouse.up()
    assert view() == pytest.approx([before[0] + 80, before[1] + 30, before[2]])
    assert now(page).startswith("Step 1 "), "a drag is no click"
    page.get_by_role("button", name="Fit").click()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 200, steps=3)
    page.mouse.move(1350, 400, steps=3)
    page.mouse.move(1380, 400, steps=3)
    page.mouse.up()
    assert view()[0] == pytest.approx(before[0] + 1380 - x), "a drag goes on outside the picture"
    page.get_by_role("button", name="Fit").click()
    page.get_by_role("button", name="Zoom in").click()
    assert view()[2] == pytest.approx(1.25 * before[2])
    page.get_by_role("button", name="Fit").click()
    page.locator("#graph [data-id=n5]").click()
    assert now(page).startswith("Step 6 of 16"), "a click is"


def test_a_lecturer_walks_as_soon_as_the_page_is_open(net: Net, open_page: Open) -> None:
    """Arrow keys, page keys, space and a clicker, which sends page keys."""
    page = open_page(net.path)
    for number, key in enumerate(("ArrowRight", "ArrowDown", "PageDown", "Space"), 2):
        page.keyboard.press(key)
        assert now(page).startswith(f"Step {number} of 16")
    for number, key in ((4, "Shift+Space"), (3, "PageUp"), (2, "ArrowLeft"), (1, "ArrowUp"), (16, "End"), (1, "Home")):
        page.keyboard.press(key)
        assert now(page).startswith(f"Step {number} of 16")
    page.locator("#words").focus()
    page.keyboard.type("re lu")
    page.keyboard.press("Home")
    assert page.locator("#words").input_value() == "re lu"
    assert now(page).startswith("Step 1 of 16"), "what is typed moves nothing"
    page.locator("#after").click()
    page.keyboard.press("PageDown")
    assert now(page).startswith("Step 3 of 16"), "also after a click on a button"


def test_full_screen(net: Net, open_page: Open) -> None:
    page = open_page(net.path)
    button = page.get_by_role("button", name="Full screen")
    button.click()
    page.wait_for_function("() => document.fullscreenElement !== null")
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    page.wait_for_function("() => document.fullscreenElement === null")


def test_a_long_column_has_its_rows_numbered(open_page: Open, tmp_path: Path) -> None:
    x = ag.Tensor(np.linspace(0.0, 1.0, 300)[:, None], requires_grad=True, name="x")
    page = open_page(ag.explore((x * 2.0).sum(), tmp_path / "column.html"))
    rows = page.locator("#panel table").first.locator("tr")
    heads = rows.locator("th").evaluate_all("heads => heads.map((head) => Number(head.textContent))")
    values = [parsed(text) for text in rows.locator("td").all_inner_texts()]
    assert len(heads) == len(values) > 100
    np.testing.assert_allclose(values, np.linspace(0.0, 1.0, 300)[heads], atol=2e-3)


def test_a_phone(net: Net, open_page: Open) -> None:
    page = open_page(net.path, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    graph, panel = page.locator("#graph").bounding_box(), page.locator("#panel").bounding_box()
    assert panel["y"] >= graph["y"] + graph["height"], "the panel is below"
    page.get_by_role("button", name="Next step").tap()
    assert now(page).startswith("Step 2 of 16")
    sizes = page.evaluate(
        "[...document.querySelectorAll('#walk button')].map((button) => button.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 44
    page.locator("#graph [data-id=n4]").tap()
    assert now(page).startswith("Step 5 of 16")
    client = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        client.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]},
        )

    before = page.locator("#graph > g").get_attribute("transform")
    x, y = graph["x"] + 180, graph["y"] + 150
    touch("touchStart", (x - 20, y), (x + 20, y))
    for spread in (30, 45, 60):
        touch("touchMove", (x - spread, y), (x + spread, y))
    touch("touchEnd")
    pinched = page.locator("#graph > g").get_attribute("transform")
    assert float(pinched.partition("scale(")[2][:-1]) > 1.5 * float(before.partition("scale(")[2][:-1])
    touch("touchStart", (x, y))
    for step in (10, 30, 50):
        touch("touchMove", (x + step, y))
    touch("touchEnd")
    assert page.locator("#graph > g").get_attribute("transform") != pinched, "one finger moves it"
    assert page.evaluate("scrollY") == 0
    move(page, 16)
    np.testing.assert_array_equal(shown(page, "Gradient").astype(np.float32), net.grads[0].ravel())


def test_what_a_screen_reader_finds(net: Net, open_page: Open) -> None:
    page = open_page(net.path)
    move(page, 6)
    tree = page.locator("body").aria_snapshot()
    for line in (
        '- heading "The exclusive or" [level=1]', '- searchbox "Search the graph by name, module or operation"',
        '- button "Next hit" [disabled]',
        '- combobox "Open modules"', '- group "Zoom"', '- button "Zoom in"', '- group "Graph of the computation"',
        '- button "Next step"', '- slider "Step"',
        '- region "relu forward"', '- heading "Value" [level=3]', '- list "Legend"', ('- button "relu, operation, (4, '
            '4) float32"'),
        'button "0: Linear, module" [expanded]',
    ):  # fmt: skip
        assert line in tree, (line, tree)
    assert page.locator("#live").get_attribute("aria-live") == "polite"
    assert page.locator("#live").inner_text() == "Step 6 of 16, forward: relu, in Sequential/1, (4, 4) float32"
    assert page.locator("#panel table").first.get_attribute("aria-label") == "value of relu: (4, 4) float32"
    nameless = page.evaluate(
        """[...document.querySelectorAll("button, input, select, [role=button]")]
          .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length)).length"""
    )
    assert nameless == 0


def test_the_table_of_the_tape(net: Net, open_page: Open) -> None:
    page = open_page(net.path)
    page.get_by_text("The tape as a table").click()
    rows = page.locator("#tape tbody tr")
    rows.first.wait_for()
    assert rows.count() == 8
    assert re.match(
        r"5\s+relu\s+4\s+\(4, 4\)\s+float32\s+Sequential/1\s+test_explore_in_browser\.py:\d+", rows.nth(5).inner_text()
    )
    page.get_by_role("button", name="Backward step of 5, relu").click()
    assert now(page).startswith("Step 11 of 16, backward: relu")
    assert rows.nth(5).get_attribute("aria-current") == "step"


def contrast(page: Any, selector: str) -> list[float]:
    """The contrast of texts with what is behind them."""
    return page.evaluate(  # type: ignore[no-any-return]
        """(selector) => {
          const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
          const light = (rgb) => rgb.slice(0, 3)
            .map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
            .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
          return [...document.querySelectorAll(selector)]
            .filter((e) => e.textContent.trim() && e.getClientRects().length).map((e) => {
            const svg = e instanceof SVGElement, ink = parse(getComputedStyle(e)[svg ? "fill" : "color"]);
            let ground = null;
            if (svg) {
              const frame = e.parentNode.querySelector(".body") || document.querySelector(".frame rect");
              ground = parse(getComputedStyle(frame).fill);
            }
            for (let at = e; !svg && at && !ground; at = at.parentElement) {
              const found = parse(getComputedStyle(at).backgroundColor);
              if (found.length === 3 || found[3] === 1) ground = found;
            }
            const [a, b] = [light(ink), light(ground || [255, 255, 255])].sort((p, q) => q - p);
            return (a + 0.05) / (b + 0.05);
          });
        }""",
        selector,
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_in_light_and_dark(net: Net, open_page: Open, scheme: str) -> None:
    page = open_page(net.path, color_scheme=scheme, reduced_motion="reduce")
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 27)")
    for step in (6, 12, 16):
        move(page, step)
        assert page.evaluate("getComputedStyle(document.querySelector('#graph .body')).transitionDuration") == "0s"
        panel = "#panel p, #panel h2, #panel h3, #panel span, #panel figcaption, #panel td, #panel button"
        for selector in ("#graph .box text", panel, "header p, label, #where, .phases span, #legend li"):
            found = contrast(page, selector)
            assert found or selector.startswith("#panel")
            assert min(found, default=21) >= 4.5, (step, selector, min(found))


def test_sums_in_words(tmp_path: Path, open_page: Open) -> None:
    a, b = ag.Tensor(2.0, requires_grad=True, name="a"), ag.Tensor(3.0, requires_grad=True, name="b")
    y = a * b + a * 2.0 + b
    page = open_page(ag.explore(y, tmp_path / "sum.html", params={"a": a, "b": b}))
    move(page, 99)
    assert page.locator("#panel .total").inner_text() == "grad of a = 2 (from multiply #3) + 3 (from multiply #2) = 5"
    assert "∇ 5" in page.locator("#graph [data-id=n0]").text_content()
    y.backward()
    assert float(a.grad) == 5.0


def test_hostile_names_and_odd_arrays(tmp_path: Path, open_page: Open) -> None:
    x = ag.Tensor(np.array([1.0, np.nan, np.inf, -2.0]), requires_grad=True)
    z = ag.Tensor(np.array([1 + 2j, -1j]), requires_grad=True)
    e = ag.Tensor(np.zeros((0, 2)), requires_grad=True)
    big = ag.Tensor(np.random.default_rng(0).normal(size=(40, 60)), requires_grad=True)
    with ag.annotate():
        y = np.where(np.array([True, False, True, True]), x, 0.0).sum() + np.abs(z).sum() + e.sum() + (big * big).mean()
    path = ag.explore(y, tmp_path / "odd.html", params={HOSTILE: x, "z": z, "größe_Δ": e, "big": big}, title=HOSTILE)
    page = open_page(path)
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.title() == HOSTILE
    assert HOSTILE in page.locator("#panel").inner_text()
    assert page.locator("#panel td.other").all_inner_texts() == ["NaN", "∞"]
    assert "1 NaN · 1 infinite" in page.locator("#panel figcaption").inner_text()
    texts = []
    for step in range(1, int(page.locator("#step").get_attribute("max")) + 1):
        move(page, step)
        texts.append(page.locator("#panel").inner_text())
    whole = "\n".join(texts)
    for words in (
        "real part",
        "imaginary part",
        "empty: it has no numbers",
        "of 2400 numbers shown, evenly spaced",
        "bool",
    ):
        assert words in whole
    assert page.locator("script").count() == 2


def test_a_value_that_is_not_known_is_not_shown(tmp_path: Path, open_page: Open) -> None:
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    page = open_page(ag.explore(np.sum(x) * 2.0, tmp_path / "unknown.html"))
    assert "with ag.annotate():" in page.locator("#panel .unknown").first.inner_text()
    move(page, 6)
    np.testing.assert_array_equal(shown(page, "Gradient"), [2.0, 2.0])


def test_three_thousand_operations(tmp_path: Path, open_page: Open) -> None:
    y = x = ag.Tensor(np.linspace(0, 1, 3), requires_grad=True, name="x")
    for _ in range(3000):
        y = np.sin(y)
    page = open_page(ag.explore(y, tmp_path / "long.html"))
    assert len(boxes(page)) < 80
    page.locator("#graph [data-id=p1]").focus()
    page.keyboard.press("Enter")
    assert "is open" in page.locator("#live").inner_text()
    assert "n100" in boxes(page)
    assert apart(boxes(page))
    move(page, 10_000)
    np.testing.assert_allclose(shown(page, "Gradient"), page.evaluate("data.arrays[data.back.at(-1).g].re"))
    y.backward(np.ones(3))
    np.testing.assert_array_equal(shown(page, "Gradient"), x.grad)
