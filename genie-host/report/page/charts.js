// Timeline and memory curves: rows that share one scale of time.

const CHART = { label: 132, right: 78, top: 26, row: 27, memoryRow: 66 };

/** What is common to both: the rows in view, the scale, moving and zooming. */
class Chart {
  constructor(panel, canvas, app, rowHeight) {
    Object.assign(this, { panel, canvas, app, rowHeight, rows: [], from: 0, to: 1, whole: 1 });
    panel.addEventListener("scroll", () => app.redraw());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.release(event));
    canvas.addEventListener("pointerleave", () => app.tip(null, ""));
    canvas.addEventListener("dblclick", () => this.range(0, this.whole));
    canvas.addEventListener("keydown", (event) => this.key(event));
  }
  setRows(rows, whole) {
    this.rows = rows;
    this.whole = Math.max(1, whole);
    this.from = 0;
    this.to = this.whole;
    this.panel.querySelector(".space").style.height = `${CHART.top + rows.length * this.rowHeight + 6}px`;
  }
  get plotWidth() { return Math.max(40, this.panel.clientWidth - CHART.label - CHART.right); }
  x(ns) { return CHART.label + ((ns - this.from) / (this.to - this.from)) * this.plotWidth; }
  ns(x) { return this.from + ((x - CHART.label) / this.plotWidth) * (this.to - this.from); }
  range(from, to) {
    const least = Math.min(this.whole, 20), span = Math.max(least, Math.min(this.whole, to - from));
    from = Math.max(0, Math.min(this.whole - span, from));
    for (const chart of this.app.charts) [chart.from, chart.to] = [from, from + span];
    this.app.redraw();
  }
  zoom(factor, px) {
    const at = px === undefined ? (this.from + this.to) / 2 : this.ns(px);
    this.range(at - (at - this.from) / factor, at + (this.to - at) / factor);
  }
  wheel(event) {
    const box = this.canvas.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey || event.altKey) {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * 0.003), event.clientX - box.left);
    } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      event.preventDefault();
      const by = ((event.deltaX || event.deltaY) / this.plotWidth) * (this.to - this.from);
      this.range(this.from + by, this.to + by);
    }
  }
  press(event) {
    this.drag = { x: event.clientX, moved: 0 };
    this.canvas.setPointerCapture(event.pointerId);
  }
  move(event) {
    const box = this.canvas.getBoundingClientRect();
    if (this.drag) {
      const by = event.clientX - this.drag.x;
      this.drag.moved += Math.abs(by);
      this.drag.x = event.clientX;
      const span = (by / this.plotWidth) * (this.to - this.from);
      return this.range(this.from - span, this.to - span);
    }
    this.app.tip(event, this.tipAt(event.clientX - box.left, event.clientY - box.top));
  }
  release(event) {
    const moved = this.drag ? this.drag.moved : 0, box = this.canvas.getBoundingClientRect();
    this.drag = null;
    if (moved <= 4) this.click(event.clientX - box.left, event.clientY - box.top);
  }
  click() {}
  key(event) {
    const step = (this.to - this.from) / 6;
    if (event.key === "ArrowLeft") this.range(this.from - step, this.to - step);
    else if (event.key === "ArrowRight") this.range(this.from + step, this.to + step);
    else if (event.key === "ArrowUp") this.panel.scrollTop -= this.rowHeight;
    else if (event.key === "ArrowDown") this.panel.scrollTop += this.rowHeight;
    else return;
    event.preventDefault();
  }
  rowAt(py) { return this.rows[Math.floor((py - CHART.top + this.panel.scrollTop) / this.rowHeight)]; }

  draw() {
    const width = this.panel.clientWidth, height = this.panel.clientHeight;
    if (!width || !height) return;
    this.canvas.style.height = `${height}px`;
    const context = sharpCanvas(this.canvas, width, height);
    if (!this.rows.length) return;
    this.drawScale(context, height);
    const first = Math.max(0, Math.floor(this.panel.scrollTop / this.rowHeight));
    context.save();
    context.beginPath();
    context.rect(0, CHART.top, width, height - CHART.top);
    context.clip();
    for (let i = first; i < this.rows.length; ++i) {
      const y = CHART.top + i * this.rowHeight - this.panel.scrollTop;
      if (y > height) break;
      this.drawRow(context, this.rows[i], y, width);
    }
    context.restore();
  }
  drawScale(context, height) {
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.textAlign = "center";
    const step = roundStep(this.to - this.from, this.plotWidth / 110);
    for (let at = Math.ceil(this.from / step) * step; at <= this.to * 1.0000001; at += step) {
      const x = this.x(at);
      context.fillStyle = colourOf("--grid");
      context.fillRect(x, CHART.top - 4, 1, height);
      context.fillStyle = colourOf("--soft");
      context.fillText(timeText(at), x, 11);
    }
    context.textAlign = "left";
  }
  label(context, row, y, tail, width) {
    context.textBaseline = "middle";
    context.font = "600 12px system-ui, sans-serif";
    if (row.device !== undefined) {
      context.fillStyle = deviceColour(row.device, "line");
      roundedBox(context, 12, y + 7, 10, 10, 3);
      context.fill();
    } else {
      context.fillStyle = colourOf("--warm");
      context.fillRect(12, y + 11, 10, 2.5);
    }
    context.fillStyle = colourOf("--text");
    context.fillText(cut(row.name, CHART.label - 38, 6.8), 29, y + 12.5);
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = colourOf("--soft");
    context.textAlign = "right";
    context.fillText(tail, width - 12, y + 12.5);
    context.textAlign = "left";
  }
}

class Timeline extends Chart {
  show(method) {
    this.method = method;
    const { predicted, observed } = method.data, rows = new Map();
    const gather = (call, which) => {
      if (!call) return;
      for (const [kind, number, place, start, end, bytes] of call.events) {
        const name = call.places[place], key = `${kind} ${name}`;
        if (!rows.has(key)) {
          const device = this.app.plan.devices.findIndex((one) => one.id === name);
          rows.set(key, { kind, name, device: kind === 0 ? device : undefined, predicted: [], observed: [], busy: {}, bytes: {} });
        }
        const row = rows.get(key);
        row[which].push({ kind, number, start, end, bytes, which });
        row.busy[which] = (row.busy[which] || 0) + end - start;
        row.bytes[which] = (row.bytes[which] || 0) + bytes;
      }
    };
    gather(predicted, "predicted");
    gather(observed, "observed");
    const order = (row) => (row.kind === 0 ? row.device : 1e9);
    const sorted = [...rows.values()].sort((a, b) => order(a) - order(b) || (a.name < b.name ? -1 : 1));
    this.duration = { predicted: predicted ? predicted.duration : 0, observed: observed ? observed.duration : 0 };
    this.both = Boolean(predicted && observed);
    this.setRows(sorted, Math.max(this.duration.predicted, this.duration.observed));
    this.ordered = sorted.flatMap((row) => row[observed ? "observed" : "predicted"]).sort((a, b) => a.start - b.start);
  }
  get legend() {
    if (!this.rows.length) return "";
    if (!this.both) return `${this.duration.observed ? "observed" : "predicted"} ${timeText(this.whole)} · Ctrl+wheel zooms`;
    return `upper bar observed ${timeText(this.duration.observed)}, lower outlined bar predicted ${timeText(this.duration.predicted)} · Ctrl+wheel zooms`;
  }
  nameOf(event) {
    return event.kind === 0 ? this.method.data.stages[event.number].id : this.method.data.transfers[event.number].value;
  }
  drawRow(context, row, y, width) {
    const which = this.duration.observed ? "observed" : "predicted";
    this.label(context, row, y, row.kind === 0 ? `${((100 * (row.busy[which] || 0)) / Math.max(1, this.duration[which])).toFixed(1)} %` : bytesText(row.bytes[which] || 0), width);
    context.fillStyle = colourOf("--grid");
    context.fillRect(CHART.label, y + this.rowHeight - 1, this.plotWidth, 1);
    context.save();
    context.beginPath();
    context.rect(CHART.label, y, this.plotWidth + 1, this.rowHeight);
    context.clip();
    if (this.both) {
      this.drawEvents(context, row, row.observed, y + 3, 13, true);
      this.drawEvents(context, row, row.predicted, y + 18, 5, false);
    } else {
      this.drawEvents(context, row, row[which], y + 4, 17, true);
    }
    context.restore();
  }
  drawEvents(context, row, events, y, height, filled) {
    const line = row.kind === 0 ? deviceColour(row.device, "line") : colourOf("--warm");
    const fill = row.kind === 0 ? deviceColour(row.device, "fill") : colourOf("--warm");
    const text = row.kind === 0 ? deviceColour(row.device, "text") : colourOf("--panel");
    let drawn = -1;
    context.lineWidth = 1;
    context.font = "600 11px system-ui, sans-serif";
    for (const event of events) {
      if (event.end < this.from || event.start > this.to) continue;
      const x0 = Math.max(CHART.label - 4, this.x(event.start)), x1 = Math.min(CHART.label + this.plotWidth + 4, this.x(event.end));
      if (x1 <= drawn + 0.3) continue;  // the pixel is taken
      drawn = x1;
      const wide = Math.max(1, x1 - x0), chosen = this.app.isChosen(event);
      context.fillStyle = chosen ? colourOf("--accent") : filled ? fill : "transparent";
      context.strokeStyle = chosen ? colourOf("--accent") : line;
      if (wide < 4) {
        context.fillStyle = context.strokeStyle;
        context.fillRect(x0, y, wide, height);
        continue;
      }
      roundedBox(context, x0 + 0.5, y + 0.5, wide - 1, height - 1, 3);
      context.fill();
      context.stroke();
      if (height > 9 && wide > 26) {
        context.fillStyle = chosen ? colourOf("--panel") : text;
        context.fillText(cut(this.nameOf(event), wide - 10, 6.2), x0 + 5, y + height / 2 + 0.5);
      }
    }
  }
  eventAt(px, py) {
    const row = this.rowAt(py);
    if (!row || px < CHART.label) return null;
    const ns = this.ns(px), near = (2 / this.plotWidth) * (this.to - this.from);
    const lists = this.both && (py - CHART.top + this.panel.scrollTop) % this.rowHeight > 16 ? ["predicted", "observed"] : ["observed", "predicted"];
    for (const which of lists) {
      let best = null;
      for (const event of row[which])
        if (event.start - near <= ns && ns <= event.end + near && (!best || event.end - event.start < best.end - best.start)) best = event;
      if (best) return best;
    }
    return null;
  }
  tipAt(px, py) {
    const event = this.eventAt(px, py);
    if (!event) return "";
    const size = event.kind === 1 ? ` · ${bytesText(event.bytes)}` : "";
    return `${this.nameOf(event)} · ${event.which}\n${timeText(event.end - event.start)} from ${timeText(event.start)}${size}`;
  }
  click(px, py) {
    const event = this.eventAt(px, py);
    if (event) this.app.choose(this.subjectOf(event));
  }
  subjectOf(event) {
    return event.kind === 0 ? { kind: "stage", stage: event.number } : { kind: "transfer", transfer: event.number };
  }
  key(event) {
    if (event.key === "," || event.key === ".") {
      const at = this.ordered.findIndex((one) => this.app.isChosen(one));
      const next = this.ordered[at < 0 ? 0 : at + (event.key === "." ? 1 : -1)];
      if (next) this.app.choose(this.subjectOf(next));
      return;
    }
    super.key(event);
  }
}

class MemoryCurves extends Chart {
  show(method) {
    const { predicted, observed } = method.data, rows = [];
    this.app.plan.devices.forEach((device, number) => {
      const row = { name: device.id, device: number, memory: device.memory, predicted: predicted && predicted.memory[device.id], observed: observed && observed.memory[device.id] };
      if (row.predicted || row.observed) {
        const most = (curve) => (curve ? curve.reduce((peak, point) => Math.max(peak, point[1]), 0) : 0);
        row.peak = Math.max(most(row.predicted), most(row.observed));
        rows.push(row);
      }
    });
    this.duration = Math.max(predicted ? predicted.duration : 0, observed ? observed.duration : 0);
    this.setRows(rows, this.duration);
    this.canvas.setAttribute("aria-label", `Memory of each device over time. ${rows.slice(0, 20).map((row) => `${row.name}: peak ${bytesText(row.peak)} of ${bytesText(row.memory)}`).join("; ")}`);
  }
  get legend() {
    if (!this.rows.length) return "";
    const observed = this.rows.some((row) => row.observed);
    return `${observed ? "filled: observed, line: predicted" : "predicted"}, dashes: what the device has`;
  }
  drawRow(context, row, y, width) {
    this.label(context, row, y, `${((100 * row.peak) / Math.max(1, row.memory)).toFixed(0)} %`, width);
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = colourOf("--soft");
    context.fillText(cut(`${bytesText(row.peak)} peak`, CHART.label - 34, 5.8), 29, y + 30);
    context.fillText(cut(`of ${bytesText(row.memory)}`, CHART.label - 34, 5.8), 29, y + 45);
    const top = y + 7, height = this.rowHeight - 13, base = top + height;
    const scale = height / Math.max(1, Math.min(Math.max(row.memory, row.peak), row.peak * 3));
    context.save();
    context.beginPath();
    context.rect(CHART.label, y, this.plotWidth, this.rowHeight);
    context.clip();
    const path = (curve) => {
      context.beginPath();
      let last = 0;
      context.moveTo(this.x(0), base);
      for (const [at, most, after] of curve) {
        const x = this.x(at);
        context.lineTo(x, base - last * scale);
        context.lineTo(x, base - most * scale);
        context.lineTo(x, base - after * scale);
        last = after;
      }
      context.lineTo(this.x(this.duration), base - last * scale);
    };
    const shown = row.observed || row.predicted;
    path(shown);
    context.lineTo(this.x(this.duration), base);
    context.closePath();
    context.fillStyle = deviceColour(row.device, "fill");
    context.fill();
    path(row.predicted || shown);
    context.strokeStyle = deviceColour(row.device, "line");
    context.lineWidth = 1.5;
    context.stroke();
    const limit = base - row.memory * scale;
    context.setLineDash([5, 4]);
    context.strokeStyle = colourOf("--warm");
    context.beginPath();
    context.moveTo(CHART.label, limit);
    context.lineTo(CHART.label + this.plotWidth, limit);
    context.stroke();
    context.setLineDash([]);
    context.restore();
    context.fillStyle = colourOf("--grid");
    context.fillRect(CHART.label, base, this.plotWidth, 1);
  }
  tipAt(px, py) {
    const row = this.rowAt(py);
    if (!row || px < CHART.label) return "";
    const ns = this.ns(px), held = (curve) => {
      let bytes = 0;
      for (const [at, , after] of curve) if (at <= ns) bytes = after;
      return bytesText(bytes);
    };
    const parts = ["observed", "predicted"].filter((which) => row[which]).map((which) => `${which} ${held(row[which])}`);
    return `${row.name} at ${timeText(Math.max(0, ns))}\n${parts.join(" · ")}`;
  }
}
