// Draws the boxes and edges that are in view, as fine as they can be read.

class GraphView {
  constructor(canvas, app) {
    this.canvas = canvas;
    this.app = app;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.selected = new Set();
    this.listen();
  }

  show(method) {
    this.method = method;
    this.relayout();
    this.fit();
  }
  relayout() {
    this.layout = layOut(this.method);
    this.highlight(this.chosen);
    const { boxes } = this.layout;
    $("counts").textContent = `${counted(this.method.count, "node")} in ${counted(boxes.length, "box").replace("boxs", "boxes")}`;
  }
  size() {
    const place = this.canvas.parentElement;
    return [place.clientWidth, place.clientHeight];
  }
  fit() {
    const [width, height] = this.size(), { layout } = this;
    this.scale = Math.min(1.25, (width - 60) / layout.width, (height - 110) / layout.height);
    // A graph far longer than wide is shown from its beginning, large enough to be read.
    this.scale = Math.max(this.scale, Math.min(0.72, (width - 60) / layout.width), 1e-4);
    this.x = layout.width / 2 - width / 2 / this.scale;
    const all = layout.height * this.scale < height - 100;
    this.y = all ? layout.height / 2 - (height + 40) / 2 / this.scale : -84 / this.scale;
    this.app.redraw();
  }
  zoom(factor, px, py) {
    const [width, height] = this.size();
    px = px === undefined ? width / 2 : px;
    py = py === undefined ? height / 2 : py;
    const scale = Math.min(4, Math.max(2e-4, this.scale * factor));
    this.x += px / this.scale - px / scale;
    this.y += py / this.scale - py / scale;
    this.scale = scale;
    this.app.redraw();
  }
  /** Brings a box into view, near enough to be read. */
  centre(number) {
    const box = this.layout.boxes[number], [width, height] = this.size();
    this.scale = Math.max(this.scale, 0.7);
    this.x = box.x + BOX.width / 2 - width / 2 / this.scale;
    this.y = box.y + BOX.height / 2 - height / 2 / this.scale;
    this.app.redraw();
  }
  /** Marks the boxes of nodes, a group or a stage. */
  highlight(chosen) {
    this.chosen = chosen;
    this.selected = new Set();
    if (!chosen || !this.layout) return;
    if (chosen.kind === "node") this.selected.add(this.layout.boxOf[chosen.node]);
    else if (chosen.kind === "group") for (const node of this.method.nodesOf(chosen.group)) this.selected.add(this.layout.boxOf[node]);
    else if (chosen.kind === "stage") this.layout.boxes.forEach((box, number) => box.stage === chosen.stage && this.selected.add(number));
  }

  draw() {
    const [width, height] = this.size(), context = sharpCanvas(this.canvas, width, height);
    const { layout, scale } = this;
    if (!layout) return;
    const top = this.y, bottom = this.y + height / scale;
    context.save();
    context.scale(scale, scale);
    context.translate(-this.x, -this.y);
    this.drawLanes(context, top, bottom);
    const first = Math.max(0, Math.floor((top - BOX.height) / layout.band));
    const last = Math.min(layout.boxBands.length - 1, Math.floor(bottom / layout.band));
    const edges = new Set();
    // From afar single edges are less than a pixel apart: the boxes say enough.
    if (scale > 0.03) {
      for (let band = first; band <= last; ++band) for (const number of layout.edgeBands[band]) edges.add(number);
      if (layout.longEdges.length < 4000) for (const number of layout.longEdges) edges.add(number);
    }
    this.drawEdges(context, edges);
    for (let band = first; band <= last; ++band) this.drawBoxes(context, layout.boxBands[band], top, bottom);
    context.restore();
    this.drawLaneNames(context);
  }

  drawLanes(context, top, bottom) {
    const { layout } = this, pad = 22;
    for (const lane of layout.lanes) {
      context.fillStyle = deviceColour(lane.device, "soft");
      const y0 = Math.max(-pad, top - 50), y1 = Math.min(layout.height + pad, bottom + 50);
      if (y1 <= y0) continue;
      roundedBox(context, lane.x, y0, lane.width, y1 - y0, 14);
      context.fill();
      if (lane.device >= HATCH_AFTER) this.hatch(context, lane, y0, y1);
    }
  }
  hatch(context, lane, y0, y1) {
    context.save();
    context.clip();
    context.strokeStyle = deviceColour(lane.device, "line");
    context.globalAlpha = 0.25;
    context.lineWidth = 1 / this.scale;
    const step = 14 / this.scale;
    context.beginPath();
    for (let y = y0 - lane.width; y < y1; y += step) {
      context.moveTo(lane.x, y);
      context.lineTo(lane.x + lane.width, y + lane.width);
    }
    context.stroke();
    context.restore();
  }
  drawLaneNames(context) {
    // Tools and names lie on a band that boxes pass under.
    context.globalAlpha = 0.93;
    context.fillStyle = colourOf("--panel");
    context.fillRect(0, 0, this.size()[0], 82);
    context.globalAlpha = 1;
    context.font = "600 12.5px system-ui, sans-serif";
    context.textBaseline = "middle";
    let until = -Infinity;
    for (const lane of this.layout.lanes) {
      const x = (lane.x + lane.width / 2 - this.x) * this.scale;
      const name = lane.device < 0 ? "not placed" : this.app.plan.devices[lane.device].id;
      const text = cut(name, Math.max(60, lane.width * this.scale), 7), width = context.measureText(text).width + 18;
      if (x - width / 2 < until) continue;
      until = x + width / 2 + 4;
      context.fillStyle = deviceColour(lane.device, "fill");
      roundedBox(context, x - width / 2, 52, width, 22, 11);
      context.fill();
      context.fillStyle = deviceColour(lane.device, "text");
      context.textAlign = "center";
      context.fillText(text, x, 63.5);
    }
    context.textAlign = "left";
  }

  drawEdges(context, numbers) {
    const { layout } = this, faint = colourOf("--faint"), accent = colourOf("--accent"), warm = colourOf("--warm");
    const groups = [[], [], []];
    for (const number of numbers) {
      const edge = layout.edges[number];
      groups[this.selected.has(edge.from) || this.selected.has(edge.to) ? 2 : edge.crosses ? 1 : 0].push(edge);
    }
    [[faint, 0.45, 1], [warm, 0.75, 1.6], [accent, 1, 2.2]].forEach(([colour, alpha, thick], kind) => {
      if (!groups[kind].length) return;
      context.strokeStyle = colour;
      context.globalAlpha = groups[kind].length > 3000 ? alpha * 0.35 : alpha;
      context.lineWidth = Math.max(thick, (thick * 0.6) / this.scale);
      context.setLineDash(kind === 1 ? [7, 4] : []);
      context.beginPath();
      for (const edge of groups[kind]) {
        const a = layout.boxes[edge.from], b = layout.boxes[edge.to];
        const x0 = a.x + BOX.width / 2, x1 = b.x + BOX.width / 2, y0 = a.y + BOX.height, y1 = b.y;
        context.moveTo(x0, y0);
        const bend = Math.min(60, Math.abs(y1 - y0) / 2 + 8);
        context.bezierCurveTo(x0, y0 + bend, x1, y1 - bend, x1, y1);
      }
      context.stroke();
    });
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  drawBoxes(context, numbers, top, bottom) {
    const { layout, scale } = this, fine = scale > 0.32, accent = colourOf("--accent"), panel = colourOf("--panel"), soft = colourOf("--soft"), text = colourOf("--text");
    const left = this.x - BOX.width, right = this.x + this.size()[0] / scale;
    for (const number of numbers) {
      const box = layout.boxes[number];
      if (box.y > bottom || box.y + BOX.height < top || box.x > right || box.x < left) continue;
      const chosen = this.selected.has(number);
      context.fillStyle = box.group ? deviceColour(box.device, "fill") : panel;
      context.strokeStyle = chosen ? accent : deviceColour(box.device, "line");
      context.lineWidth = chosen ? 3 / Math.min(1, scale) : 1.2;
      if (!fine) {
        context.fillStyle = chosen ? accent : deviceColour(box.device, "line");
        const height = Math.max(BOX.height, 2 / scale), w = chosen ? Math.max(BOX.width, 6 / scale) : BOX.width;
        context.globalAlpha = chosen || box.group ? 1 : 0.75;
        context.fillRect(box.x, box.y, w, height);
        context.globalAlpha = 1;
        continue;
      }
      if (box.group) {  // a stack of sheets: there is more inside
        roundedBox(context, box.x + 4, box.y + 4, BOX.width, BOX.height, 8);
        context.fill();
        context.stroke();
      }
      roundedBox(context, box.x, box.y, BOX.width, BOX.height, 8);
      context.fill();
      context.stroke();
      context.fillStyle = box.group ? deviceColour(box.device, "text") : text;
      context.font = `600 12px system-ui, sans-serif`;
      context.textBaseline = "alphabetic";
      const [name, more] = this.labels(box);
      context.fillText(cut(name, BOX.width - 16, 6.6), box.x + 9, box.y + 15);
      context.font = `10.5px system-ui, sans-serif`;
      if (!box.group) context.fillStyle = soft;
      context.fillText(cut(more, BOX.width - 16, 5.6), box.x + 9, box.y + 28);
    }
  }
  labels(box) {
    if (!box.group) return [this.method.shortOp(box.node), this.method.type(box.node) || this.method.id(box.node)];
    // The end of a path says most; numbers alone say nothing.
    const parts = box.group.path.split(".");
    let name = box.group.parent ? parts[parts.length - 1] : `stage ${box.group.name}`;
    if (/^\d+$/.test(name) && parts.length > 1) name = `${parts[parts.length - 2]}.${name}`;
    const around = box.group.parent ? parts.slice(0, -1).filter((part) => !name.startsWith(`${part}.`)).slice(-2).join(".") : "";
    return [name, `▸ ${counted(box.group.nodes, "node")}${around ? ` · ${around}` : ""}`];
  }

  boxAt(px, py) {
    const x = this.x + px / this.scale, y = this.y + py / this.scale, { layout } = this;
    const band = Math.floor(y / layout.band);
    for (const near of [band, band - 1])
      for (const number of layout.boxBands[near] || []) {
        const box = layout.boxes[number];
        if (x >= box.x && x <= box.x + BOX.width && y >= box.y && y <= box.y + BOX.height) return number;
      }
    return -1;
  }
  subjectOf(number) {
    const box = this.layout.boxes[number];
    return box.group ? { kind: box.group.parent ? "group" : "stage", group: box.group, stage: box.stage } : { kind: "node", node: box.node };
  }
  /** Opens or closes, keeping the place under the eye. */
  toggle(number) {
    const box = this.layout.boxes[number], group = box.group || this.method.leafGroup[box.node];
    const node = box.group ? this.method.nodesOf(box.group)[0] : box.node;
    group.open = !group.open;
    const [x, y] = [box.x - this.x, box.y - this.y];
    this.relayout();
    const now = this.layout.boxes[this.layout.boxOf[node]];
    [this.x, this.y] = [now.x - x, now.y - y];
    this.app.redraw();
  }

  listen() {
    const { canvas } = this;
    let from = null, moved = 0;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      from = place(event);
      moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const [px, py] = place(event);
      if (from) {
        moved += Math.abs(px - from[0]) + Math.abs(py - from[1]);
        this.x -= (px - from[0]) / this.scale;
        this.y -= (py - from[1]) / this.scale;
        from = [px, py];
        canvas.classList.add("moving");
        this.app.redraw();
        return;
      }
      const number = this.boxAt(px, py);
      this.app.tip(event, number < 0 ? "" : this.tipOf(number));
    });
    canvas.addEventListener("pointerleave", () => this.app.tip(null, ""));
    canvas.addEventListener("pointerup", (event) => {
      from = null;
      canvas.classList.remove("moving");
      if (moved > 4) return;
      const number = this.boxAt(...place(event));
      this.app.choose(number < 0 ? null : this.subjectOf(number));
    });
    canvas.addEventListener("dblclick", (event) => {
      const number = this.boxAt(...place(event));
      if (number >= 0) this.toggle(number);
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...place(event));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }
  tipOf(number) {
    const box = this.layout.boxes[number], where = box.device < 0 ? "" : `\n${this.app.plan.devices[box.device].id}`;
    if (box.group) return `${box.group.path || box.group.name}\n${counted(box.group.nodes, "node")}${where}`;
    return `${this.method.id(box.node)} · ${this.method.op(box.node)}\n${this.method.scope(box.node)}${where}`;
  }
  key(event) {
    const at = this.selected.values().next().value;
    const step = { ArrowUp: [1, 0], ArrowDown: [0, 1], ArrowLeft: [-1], ArrowRight: [1] }[event.key];
    if (step) {
      event.preventDefault();
      if (at === undefined) return this.go(0);
      if (step.length === 1) return this.go(at + step[0]);
      const side = step[0] ? "to" : "from", other = step[0] ? "from" : "to";
      const edge = this.layout.edges.find((one) => one[side] === at);
      if (edge) this.go(edge[other]);
    } else if (event.key === "Enter" && at !== undefined) {
      event.preventDefault();
      this.toggle(at);
    }
  }
  go(number) {
    if (number < 0 || number >= this.layout.boxes.length) return;
    this.app.choose(this.subjectOf(number));
    this.centre(number);
  }
}
