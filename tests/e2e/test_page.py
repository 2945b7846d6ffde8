"""The page of a plan (`plan html`, `run --html`) in a headless Chromium: it works, asks no network, and stays alive when large.

Screenshots are written to build/page-screenshots/, to be looked at.
"""

import hashlib
import json
import re
import shutil
import sys

import pytest

from harness import EMULATION, OK, topology

#: Milliseconds until a page answers, by its nodes. Measured on two cores of 2020: 150 and 400; a test allows ten times as much and more.
DEADLINE_MS = {1_000: 3_000, 50_000: 10_000}
LAYERS, DEVICES = 8, 4


@pytest.fixture(scope="module")
def browser():
    """Debian's browser, driven by playwright: scripts/lib/packages.txt and requirements.txt name both."""
    from playwright.sync_api import sync_playwright

    binary = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if binary is None:
        pytest.fail("there is no Chromium: scripts/test installs chromium-headless-shell")
    with sync_playwright() as driver:
        # Tests run as root in containers, where the sandbox of the browser cannot be set up. It opens files of these tests only.
        browser = driver.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page, and what it did that it should not."""

    def __init__(self, browser, path, **options):
        self.page = browser.new_page(viewport={"width": 1440, "height": 900}, **options)
        self.errors, self.requests = [], []
        self.page.on("console", lambda message: self.errors.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        # Not wait_for_function: it evaluates texts, which the page's policy forbids here too.
        self.page.wait_for_selector("html[data-ready-ms]", state="attached")
        self.path = path

    @property
    def ready_ms(self):
        return int(self.page.evaluate("document.documentElement.dataset.readyMs"))

    @property
    def details(self):
        return self.page.inner_text("#details")

    def settle(self):
        """Until what was asked for is drawn."""
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def find(self, text):
        self.page.fill("#search", text)
        self.page.keyboard.press("Enter")
        self.settle()

    def centre(self, selector):
        box = self.page.locator(selector).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def colours(self, selector):
        """How many different colours a canvas shows."""
        self.settle()
        return self.page.eval_on_selector(selector, """(canvas) => {
            const seen = new Set(), { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
            return seen.size;
        }""")

    def drawn(self, selector):
        """What a canvas shows."""
        self.settle()
        return self.page.eval_on_selector(selector, "(canvas) => canvas.toDataURL()")

    def screenshot(self, build, name):
        folder = build / "page-screenshots"
        folder.mkdir(exist_ok=True)
        self.settle()
        self.page.screenshot(path=folder / f"{name}.png")

    def close(self):
        assert self.requests == [self.path.as_uri()], "the page asked for something beside itself"
        assert not self.errors
        self.page.close()


@pytest.fixture
def opened(browser):
    pages = []

    def open_page(path, **options):
        pages.append(Opened(browser, path, **options))
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()


def large_plan(host, root, folder, count):
    """Transformer blocks on four devices, scheduled; the folder then holds plan.json and cluster.json."""
    sys.path.insert(0, str(root / "bench"))
    import big_graphs

    big_graphs.write_plan(folder / "captured.json", count, True)
    captured = json.loads((folder / "captured.json").read_text())
    # The benchmark's weights lie nowhere: here they are zeros in a file.
    weights = bytes(1 << 20)
    (folder / "weights.bin").write_bytes(weights)
    digest = "sha256:" + hashlib.sha256(weights).hexdigest()
    captured["blobs"] = {digest: {"size_bytes": len(weights)}}
    captured["locations"] = {digest: {"uri": "weights.bin", "offset_bytes": 0}}
    for weight in captured["weights"].values():
        weight["blob"] = digest
    (folder / "captured.json").write_text(json.dumps(captured))
    topology(folder, [1 << 28] * DEVICES)
    host.write({"source": {"plan": "captured.json"}, "backend": {"plugin": EMULATION, "options": {"topology": "cluster.json", "compute": "none"}},
                "hints": [{"kind": "pin", "select": f"encoder.layer.{layer}", "device": f"w{layer * DEVICES // LAYERS}"} for layer in range(LAYERS)],
                "run": {"inputs": {}}}, folder)
    host.command("plan", "schedule", "run.json", "--output", "plan.json", folder=folder, check=OK)
    return folder


def page_of(host, folder, *arguments):
    host.command("plan", "html", *arguments, "-o", "page.html", folder=folder, check=OK)
    return folder / "page.html"


@pytest.fixture(scope="module")
def thousand(host, root, tmp_path_factory):
    folder = large_plan(host, root, tmp_path_factory.mktemp("thousand"), 1_000)
    return page_of(host, folder, "plan.json", "--topology", "cluster.json")


@pytest.fixture
def plan_of_thousand(thousand):
    return json.loads((thousand.parent / "plan.json").read_text())


def check_large(opened, build, path, count, record_property):
    one = opened(path)
    record_property("summary", f"page of {count:,} nodes: {path.stat().st_size / 2**20:.1f} MiB, answers after {one.ready_ms} ms")
    assert one.ready_ms < DEADLINE_MS[count]
    assert f"{count:,} nodes" in one.page.inner_text("#counts")
    assert one.colours("#graph") > 20 and one.colours("#timeline") > 20
    one.screenshot(build, f"{count}-nodes")
    one.find(f"n{count // 2}")
    assert one.details.startswith(f"n{count // 2}\n")
    one.screenshot(build, f"{count}-nodes-found")
    # Everything opened, one box for each node, and moved about in.
    one.page.keyboard.press("Escape")
    for _ in range(8):
        one.page.click("#unfold")
    assert f"{count:,} nodes in {count:,} boxes" in one.page.inner_text("#counts")
    for button in ["#zoom-out"] * 12 + ["#zoom-in"] * 4 + ["#fit"]:
        one.page.click(button)
    one.settle()
    one.screenshot(build, f"{count}-nodes-opened")


def test_a_page_of_1000_nodes(opened, build, thousand, record_property):
    check_large(opened, build, thousand, 1_000, record_property)


@pytest.mark.slow
def test_a_page_of_50000_nodes(opened, build, host, root, tmp_path, record_property):
    folder = large_plan(host, root, tmp_path, 50_000)
    check_large(opened, build, page_of(host, folder, "plan.json", "--topology", "cluster.json"), 50_000, record_property)


def test_what_is_clicked_tells_its_decision(opened, thousand, plan_of_thousand):
    one = opened(thousand)
    one.find("n500")
    (stage,) = [stage for stage in plan_of_thousand["schedule"]["methods"]["forward"]["stages"] if "n500" in stage["nodes"]]
    (decision,) = [decision for decision in plan_of_thousand["schedule"]["decisions"] if decision["subject"] == stage["id"]]
    # Nothing is chosen; then what lies in the middle, where the search has brought it, is clicked.
    one.page.focus("#graph")
    one.page.keyboard.press("Escape")
    assert not one.details.startswith("n500")
    one.page.mouse.click(*one.centre("#graph"))
    shown = one.details
    assert shown.startswith("n500\n") and stage["id"] in shown and stage["device"] in shown
    assert decision["because"] in shown and decision["detail"] in shown
    assert decision["alternatives"]
    for other in decision["alternatives"]:
        assert f"instead of {other['device']}" in shown and other.get("refused", "") in shown
    # The table has them all, and leads back to the stage.
    one.page.click("#tab-decisions")
    rows = one.page.locator("#decisions-panel tbody tr")
    assert rows.count() == min(200, len(plan_of_thousand["schedule"]["decisions"]))
    one.page.locator("#decisions-panel").get_by_role("button", name=stage["id"], exact=True).click()
    assert one.details.startswith(f"stage {stage['id']}\n")


def test_the_timeline_is_clicked_and_zoomed(opened, thousand):
    one = opened(thousand)
    x, y = one.centre("#timeline")
    box = one.page.locator("#timeline").bounding_box()
    one.page.mouse.click(box["x"] + 138, box["y"] + 26 + 13)  # the first row, at its beginning: the first stage of w0
    assert one.details.startswith("stage s0\n") and "predicted" in one.details
    before = one.drawn("#timeline")
    one.page.keyboard.down("Control")
    one.page.mouse.move(x, y)
    one.page.mouse.wheel(0, -400)
    one.page.keyboard.up("Control")
    zoomed = one.drawn("#timeline")
    assert zoomed != before
    one.page.focus("#timeline")
    one.page.keyboard.press("ArrowRight")
    assert one.drawn("#timeline") not in (before, zoomed)
    one.page.keyboard.press("0")
    assert one.drawn("#timeline") == before
    one.page.keyboard.press(".")
    assert not one.details.startswith("stage s0\n")  # on to the next event


def test_everything_can_be_done_with_the_keyboard(opened, thousand):
    one = opened(thousand)
    keys, focused = one.page.keyboard, lambda: one.page.evaluate("document.activeElement.id")
    keys.press("/")
    assert focused() == "search"
    keys.type("encoder.layer.5")
    assert one.page.get_attribute("#search", "aria-expanded") == "true"
    keys.press("ArrowDown")
    assert one.page.get_attribute("#search", "aria-activedescendant") == "found-1"
    keys.press("ArrowUp")
    keys.press("Enter")
    assert one.details.startswith("encoder.layer.5\n")
    assert one.page.inner_text("#spoken") == "encoder.layer.5"
    keys.press("Escape")
    assert focused() == "graph"
    keys.press("ArrowRight")
    first = one.details
    keys.press("ArrowDown")
    assert one.details != first
    boxes = one.page.inner_text("#counts")
    keys.press("Enter")
    assert one.page.inner_text("#counts") != boxes
    one.page.focus("#tab-timeline")
    keys.press("ArrowRight")
    assert focused() == "tab-memory" and one.page.is_visible("#memory") and not one.page.is_visible("#timeline")
    assert "peak" in one.page.get_attribute("#memory", "aria-label")
    # Whatever can be pressed or typed in is named.
    unnamed = one.page.evaluate("""[...document.querySelectorAll("button, input, select, canvas, aside, section")].filter((one) =>
        !one.textContent.trim() && !one.getAttribute("aria-label")).map((one) => one.id)""")
    assert not unnamed


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_in_both_schemes(opened, thousand, build, scheme):
    """Contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3) of every colour of text on what it stands on."""
    one = opened(thousand, color_scheme=scheme)
    one.screenshot(build, scheme)
    colours = one.page.evaluate("""Object.fromEntries(["text", "soft", "faint", "accent", "warm", "panel", "back", "accent-soft"].map((name) => {
        const probe = document.createElement("i");
        probe.style.color = `var(--${name})`;
        document.body.append(probe);
        const rgb = getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3).map(Number);
        probe.remove();
        return [name, rgb];
    }))""")

    def luminance(rgb):
        parts = [part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in rgb]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    for text, back in [("text", "panel"), ("soft", "panel"), ("faint", "panel"), ("accent", "panel"), ("warm", "panel"),
                       ("text", "back"), ("soft", "back"), ("text", "accent-soft"), ("soft", "accent-soft")]:
        lighter, darker = sorted((luminance(colours[text]), luminance(colours[back])), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, f"{text} on {back}"
    assert (luminance(colours["panel"]) < 0.2) == (scheme == "dark")


HOSTILE = ["</script><script>window.broken = 1</script>", "\"><img src=x onerror=window.broken=1>", "<!-- <script> ' & &lt; \u2028 {{data}}"]


def test_texts_of_a_plan_stay_texts(opened, thousand, plan_of_thousand, host, tmp_path):
    plan = plan_of_thousand
    forward, schedule = plan["methods"]["forward"], plan["schedule"]
    names = dict(zip(("n1", "n2", "n3"), HOSTILE))
    for node in forward["nodes"]:
        node["scope"] = HOSTILE[1] if node["id"] == "n2" else node.get("scope", "")
        node["source"] = {"file": HOSTILE[0], "line": 1}
        node["id"] = names.get(node["id"], node["id"])
    for stage in schedule["methods"]["forward"]["stages"]:
        stage["nodes"] = [names.get(node, node) for node in stage["nodes"]]
    schedule["decisions"][0]["detail"] = HOSTILE[2]
    schedule["decisions"][0]["alternatives"][0]["refused"] = HOSTILE[0]
    title = "<b>title & <script>.json"
    (tmp_path / title).write_text(json.dumps(plan))
    shutil.copy(thousand.parent / "cluster.json", tmp_path)
    one = opened(page_of(host, tmp_path, title, "--topology", "cluster.json"))
    assert one.page.title() == title and one.page.inner_text("#title") == title
    for name in HOSTILE:
        one.find(name)
        assert one.page.eval_on_selector("#details h2", "(one) => one.textContent") in (name, )
        assert HOSTILE[2] in one.page.eval_on_selector("#details", "(one) => one.textContent")  # its stage's decision
    one.page.click("#tab-decisions")
    one.page.hover("#graph")
    assert one.page.evaluate("window.broken") is None
    assert one.page.evaluate("document.images.length") == 0
    assert one.page.evaluate("document.scripts.length") == 2


def test_the_page_may_load_nothing_and_run_nothing_else(opened, thousand):
    one = opened(thousand)
    one.page.evaluate("""() => {
        document.addEventListener("securitypolicyviolation", (event) => document.body.setAttribute(event.effectiveDirective, ""));
        fetch("http://127.0.0.1:9/").catch(() => null);
        document.body.append(Object.assign(document.createElement("img"), { src: "http://127.0.0.1:9/x.png" }));
        document.body.append(Object.assign(document.createElement("script"), { textContent: "window.ran = 1" }));
    }""")
    for directive in ("connect-src", "img-src", "script-src-elem"):
        one.page.wait_for_selector(f"body[{directive}]", state="attached")
    assert one.page.evaluate("window.ran") is None
    assert all("Content Security Policy" in error for error in one.errors)  # the browser says so on the console
    one.errors.clear()
    one.requests[:] = [url for url in one.requests if url.startswith("file:")]


def test_a_run_shows_what_was_foreseen_and_what_was_seen(opened, host, corpus, tmp_path, build):
    archive = corpus.archives["bert-static.recommended"]
    topology(tmp_path, [0.8 * archive["weight_bytes"]] * 2)
    result = host.run(corpus.config(archive, tmp_path), tmp_path, "--html", "page.html", check=OK)
    assert "page.html" in result.out
    one = opened(tmp_path / "page.html")
    assert re.search(r"observed [\d.]+ .s, .*predicted [\d.]+ .s", one.page.inner_text("#legend"))
    one.screenshot(build, "run")
    data = json.loads(one.page.eval_on_selector("#data", "(one) => one.textContent"))
    (method,) = data["methods"]
    # The emulated clock is the simulator, and the devices' accounts are those of the plan.
    assert method["observed"]["events"] == method["predicted"]["events"]
    assert method["observed"]["memory"] == method["predicted"]["memory"]
    observed = {device: max(point[1] for point in curve) for device, curve in method["observed"]["memory"].items()}
    assert observed == {device: use["peak_bytes"] for device, use in result.report["devices"].items()}
    one.page.click("#tab-memory")
    assert "observed" in one.page.inner_text("#legend")
    assert one.colours("#memory") > 10
    one.screenshot(build, "memory")


def test_a_captured_model_has_a_graph_and_says_what_is_missing(opened, host, corpus, tmp_path, build):
    archive = corpus.folder / corpus.archives["gpt2-static.recommended"]["archive"]
    one = opened(page_of(host, tmp_path, archive))
    assert one.page.inner_text("#facts").startswith("sha256:")
    assert "captured, not scheduled" in one.page.inner_text("#legend")
    assert one.colours("#graph") > 5
    one.screenshot(build, "captured")
    one.page.click("#tab-decisions")
    assert "Nothing was decided yet" in one.page.inner_text("#decisions-panel")
    one.find("layer_norm")
    assert one.page.inner_text("#details .kind").startswith("aten.layer_norm")


def test_a_narrow_window_has_everything_too(browser, thousand, build):
    one = Opened(browser, thousand)
    one.page.set_viewport_size({"width": 700, "height": 900})
    one.screenshot(build, "narrow")
    for part in ("#graph", "#details", "#timeline"):
        box = one.page.locator(part).bounding_box()
        assert box["width"] > 300 and box["height"] > 60 and box["x"] + box["width"] <= 700, part
    one.close()
