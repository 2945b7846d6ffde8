// Selection, details, search, keyboard.

class App {
  constructor(plan) {
    this.plan = plan;
    this.methods = plan.methods.map((method) => new Method(method, plan));
    this.decisionsOf = new Map();
    for (const decision of plan.decisions) {
      if (!this.decisionsOf.has(decision.subject)) this.decisionsOf.set(decision.subject, []);
      this.decisionsOf.get(decision.subject).push(decision);
    }
    this.graph = new GraphView($("graph"), this);
    this.timeline = new Timeline($("timeline-panel"), $("timeline"), this, CHART.row);
    this.memory = new MemoryCurves($("memory-panel"), $("memory"), this, CHART.memoryRow);
    this.charts = [this.timeline, this.memory];
    this.tab = "timeline";
    this.header();
    this.controls();
    this.showMethod(0);
  }

  header() {
    const { plan } = this, methods = $("method");
    $("title").textContent = plan.title;
    const facts = [plan.policy && `scheduled by ${plan.policy}`, plan.objective && `for ${plan.objective}`, plan.devices.length && counted(plan.devices.length, "device"), plan.id];
    $("facts").textContent = facts.filter(Boolean).join(" · ");
    plan.methods.forEach((method, number) => methods.append(element("option", { value: number }, method.name)));
    methods.hidden = plan.methods.length < 2;
    methods.addEventListener("change", () => this.showMethod(Number(methods.value)));
  }

  showMethod(number) {
    this.method = this.methods[number];
    this.chosen = null;
    this.haystack = null;
    this.graph.chosen = null;
    this.graph.show(this.method);
    for (const chart of this.charts) chart.show(this.method);
    this.showDecisions();
    this.showTab(this.tab);
    this.choose(null);
  }

  /** All drawing happens once a frame at most. */
  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.graph.draw();
      if (this.tab === "timeline") this.timeline.draw();
      if (this.tab === "memory") this.memory.draw();
    });
  }

  tip(event, text) {
    const tip = $("tip");
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const width = tip.offsetWidth, height = tip.offsetHeight;
    tip.style.left = `${Math.max(4, Math.min(innerWidth - width - 8, event.clientX + 14))}px`;
    tip.style.top = `${event.clientY + 20 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18}px`;
  }

  // Selection ---------------------------------------------------------------------------------------------------------

  /** {kind: "node", node} | {kind: "group", group} | {kind: "stage", stage} | {kind: "transfer", transfer} | {kind: "device", device} | null */
  choose(subject) {
    this.chosen = subject;
    this.graph.highlight(subject && subject.kind === "transfer" ? this.stageOfTransfer(subject.transfer) : subject);
    const details = $("details");
    details.replaceChildren(...this.describe(subject));
    details.scrollTop = 0;
    $("spoken").textContent = subject ? details.firstChild.textContent : "";
    this.redraw();
  }
  /** Chooses, and brings it into view. */
  visit(subject) {
    if (subject.kind === "node") {
      this.method.reveal(subject.node);
      this.graph.relayout();
    }
    this.choose(subject);
    const first = this.graph.selected.values().next().value;
    if (first !== undefined) this.graph.centre(first);
  }
  isChosen(event) {
    const { chosen } = this;
    if (!chosen) return false;
    if (event.kind === 1) return chosen.kind === "transfer" && chosen.transfer === event.number;
    const stage = chosen.kind === "stage" ? chosen.stage : chosen.kind === "node" ? this.method.stageOf[chosen.node] : chosen.kind === "group" ? chosen.group.stage : -1;
    return stage === event.number;
  }
  stageOfTransfer(number) {
    const stage = this.method.stageByName.get(this.method.data.transfers[number].from);
    return stage === undefined ? null : { kind: "stage", stage };
  }

  // Details -----------------------------------------------------------------------------------------------------------

  link(text, subject) {
    return element("button", { class: "link", type: "button", onclick: () => this.visit(subject) }, text);
  }
  chip(device) {
    if (device < 0) return element("span", {}, "not placed");
    const chip = element("span", { class: "chip" }, this.plan.devices[device].id);
    chip.style.background = deviceColour(device, "fill");
    chip.style.color = deviceColour(device, "text");
    chip.style.borderColor = deviceColour(device, "line");
    return chip;
  }
  facts(pairs) {
    const list = element("dl");
    for (const [name, value] of pairs) if (value !== "" && value !== undefined && value !== null) list.append(element("dt", {}, name), element("dd", {}, value));
    return list;
  }
  list(title, items, shown = 12) {
    if (!items.length) return [];
    const list = element("ul");
    items.slice(0, shown).forEach((item) => list.append(element("li", {}, ...[].concat(item()))));
    const parts = [element("h3", {}, `${title} (${countText(items.length)})`), list];
    if (items.length > shown)
      parts.push(element("button", { class: "link", type: "button", onclick: (event) => {
        items.slice(shown).forEach((item) => list.append(element("li", {}, ...[].concat(item()))));
        event.target.remove();
      } }, `show ${countText(items.length - shown)} more`));
    return parts;
  }
  describe(subject) {
    if (!subject) return this.overview();
    return { node: () => this.describeNode(subject.node), group: () => this.describeGroup(subject.group), stage: () => this.describeStage(subject.stage),
             transfer: () => this.describeTransfer(subject.transfer), device: () => this.describeDevice(subject.device) }[subject.kind]();
  }
  overview() {
    const { data } = this.method, { plan } = this;
    const calls = ["predicted", "observed"].filter((which) => data[which]).map((which) => [which, timeText(data[which].duration)]);
    return [element("h2", {}, plan.title), element("p", { class: "kind" }, `method ${data.name}`),
      this.facts([["nodes", countText(this.method.count)], ["stages", countText(data.stages.length)], ["transfers", countText(data.transfers.length)],
                  ["weights", bytesText(plan.weight_bytes)], ...calls, ["policy", plan.policy], ["objective", plan.objective], ["topology", plan.topology]]),
      ...this.list("Devices", plan.devices.map((device, number) => () => [this.deviceLine(number)]), 16),
      ...(plan.note ? [element("p", { class: "none" }, plan.note)] : [])];
  }
  deviceLine(number) {
    const device = this.plan.devices[number];
    const row = this.memory.rows.find((one) => one.device === number), peak = row ? row.peak : 0;
    const button = element("button", { class: "link", type: "button", onclick: () => this.choose({ kind: "device", device: number }) }, this.chip(number));
    const bar = element("div", { class: peak > 0.95 * device.memory ? "bar full" : "bar" }, element("i"));
    bar.firstChild.style.width = `${device.memory ? Math.min(100, (100 * peak) / device.memory) : 0}%`;
    return element("div", {}, button, device.memory ? ` ${bytesText(peak)} of ${bytesText(device.memory)}` : "", device.memory ? bar : "");
  }
  why(subject) {
    return (this.decisionsOf.get(subject) || []).flatMap((decision) => {
      const box = element("div", { class: "why" }, element("p", {}, element("b", {}, decision.because || "no reason given"), decision.detail ? `: ${decision.detail}` : ""));
      if (decision.honours.length) box.append(element("p", {}, `honours ${decision.honours.join(", ")}`));
      if (decision.alternatives.length) {
        const list = element("ul");
        for (const other of decision.alternatives) {
          const words = [other.refused && `refused: ${other.refused}`, other.makespan !== null && `would take ${timeText(other.makespan)}`, other.detail].filter(Boolean);
          list.append(element("li", {}, "instead of ", element("b", {}, other.device), words.length ? `: ${words.join(", ")}` : ""));
        }
        box.append(list);
      }
      return [element("h3", {}, decision.chose ? `Why on ${decision.chose}` : "Why"), box];
    });
  }
  describeNode(node) {
    const { method } = this, stage = method.stageOf[node];
    const line = (other) => () => [this.link(method.id(other), { kind: "node", node: other }), ` ${method.shortOp(other)}`];
    return [element("h2", {}, method.id(node)), element("p", { class: "kind" }, method.op(node)),
      this.facts([["result", method.type(node)], ["module", method.scope(node)], ["source", method.source(node)],
                  ["device", stage < 0 ? "" : this.chip(method.device(node))],
                  ["stage", stage < 0 ? "" : this.link(method.data.stages[stage].id, { kind: "stage", stage })]]),
      ...(stage < 0 ? [] : this.why(method.data.stages[stage].id)),
      ...this.list("Reads", [...method.predecessors(node)].map(line)), ...this.list("Read by", [...method.successors(node)].map(line))];
  }
  describeGroup(group) {
    const nodes = this.method.nodesOf(group), stage = group.stage;
    return [element("h2", {}, group.path), element("p", { class: "kind" }, `module, ${counted(nodes.length, "node")}${stage < 0 ? "" : ` in stage ${this.method.data.stages[stage].id}`}`),
      this.facts([["device", this.chip(group.device)], ["stage", stage < 0 ? "" : this.link(this.method.data.stages[stage].id, { kind: "stage", stage })]]),
      ...(stage < 0 ? [] : this.why(this.method.data.stages[stage].id)),
      ...this.list("Modules", group.children.map((child) => () => [this.link(child.path, { kind: "group", group: child }), ` ${counted(child.nodes, "node")}`])),
      ...this.list("Nodes", nodes.map((node) => () => [this.link(this.method.id(node), { kind: "node", node }), ` ${this.method.shortOp(node)}`]))];
  }
  times(kind, number) {
    return ["predicted", "observed"].flatMap((which) => {
      const call = this.method.data[which], event = call && call.events.find((one) => one[0] === kind && one[1] === number);
      return event ? [[which, `${timeText(event[4] - event[3])}, from ${timeText(event[3])}`]] : [];
    });
  }
  describeStage(number) {
    if (number < 0) return this.overview();
    const { data } = this.method, stage = data.stages[number];
    const line = (transfer) => () => [this.link(data.transfers[transfer].value, { kind: "transfer", transfer }), ` ${bytesText(data.transfers[transfer].bytes)}`];
    const numbers = data.transfers.map((_, index) => index);
    return [element("h2", {}, `stage ${stage.id}`), element("p", { class: "kind" }, stage.modules || counted(stage.nodes.length, "node")),
      this.facts([["device", this.chip(stage.device)], ["nodes", countText(stage.nodes.length)], ["weights", bytesText(stage.weight_bytes)], ["kernels", stage.kernels], ...this.times(0, number)]),
      ...this.why(stage.id),
      ...this.list("Takes", numbers.filter((one) => data.transfers[one].to === stage.id).map(line)),
      ...this.list("Gives", numbers.filter((one) => data.transfers[one].from === stage.id).map(line)),
      ...this.list("Nodes", stage.nodes.map((node) => () => [this.link(this.method.id(node), { kind: "node", node }), ` ${this.method.shortOp(node)}`]))];
  }
  describeTransfer(number) {
    const { data } = this.method, transfer = data.transfers[number];
    const end = (name) => {
      const stage = this.method.stageByName.get(name);
      return stage === undefined ? name.replace(":", " ") : element("span", {}, this.link(name, { kind: "stage", stage }), " on ", this.chip(data.stages[stage].device));
    };
    const slack = transfer.slack === null ? "" : transfer.slack === 0 ? "none: it is critical" : timeText(transfer.slack);
    return [element("h2", {}, transfer.value), element("p", { class: "kind" }, `transfer ${transfer.id}`),
      this.facts([["from", end(transfer.from)], ["to", end(transfer.to)], ["bytes", bytesText(transfer.bytes)], ["slack", slack], ...this.times(1, number)])];
  }
  describeDevice(number) {
    const device = this.plan.devices[number], { data } = this.method;
    const stages = data.stages.map((stage, index) => index).filter((index) => data.stages[index].device === number);
    return [element("h2", {}, device.id), element("p", { class: "kind" }, `device${device.kind ? `, ${device.kind}` : ""}${device.host ? ` of host ${device.host}` : ""}`),
      this.deviceLine(number), this.facts([["speed", device.speed]]),
      ...this.list("Stages", stages.map((stage) => () => [this.link(data.stages[stage].id, { kind: "stage", stage }), ` ${data.stages[stage].modules}`]), 40)];
  }

  // Decisions ---------------------------------------------------------------------------------------------------------

  showDecisions(shown = 200) {
    const panel = $("decisions-panel"), { decisions } = this.plan;
    if (!decisions.length) return panel.replaceChildren(element("p", { class: "none" }, "Nothing was decided yet: the plan is captured, not scheduled."));
    const rows = decisions.slice(0, shown).map((decision) => {
      const stage = this.method.stageByName.get(decision.subject);
      const others = decision.alternatives.map((other) => `${other.device}${other.refused ? ` (${other.refused})` : other.makespan !== null ? ` (${timeText(other.makespan)})` : ""}`).join(", ");
      const device = this.plan.devices.findIndex((one) => one.id === decision.chose);
      return element("tr", {}, element("td", {}, stage === undefined ? decision.subject : this.link(decision.subject, { kind: "stage", stage })),
        element("td", {}, device < 0 ? decision.chose : this.chip(device)), element("td", {}, decision.because), element("td", {}, decision.detail), element("td", {}, others));
    });
    const head = element("tr", {}, ...["what", "chosen", "because of", "reason", "instead of"].map((name) => element("th", { scope: "col" }, name)));
    panel.replaceChildren(element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
    if (decisions.length > shown)
      panel.append(element("button", { class: "link none", type: "button", onclick: () => this.showDecisions(decisions.length) }, `show ${countText(decisions.length - shown)} more`));
  }

  // Search ------------------------------------------------------------------------------------------------------------

  find(text, most = 60) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return [];
    if (!this.haystack) this.haystack = this.makeHaystack();
    const begins = [], holds = [];
    for (const entry of this.haystack) {
      const at = entry.name.toLowerCase().indexOf(wanted);
      if (at === 0) begins.push(entry);
      else if (at > 0 || entry.more.toLowerCase().includes(wanted)) holds.push(entry);
      if (begins.length >= most) break;
    }
    return begins.concat(holds).slice(0, most);
  }
  makeHaystack() {
    const { method, plan } = this, all = [];
    plan.devices.forEach((device, number) => all.push({ kind: "device", name: device.id, more: device.host, subject: { kind: "device", device: number } }));
    method.data.stages.forEach((stage, number) => all.push({ kind: "stage", name: stage.id, more: stage.modules, subject: { kind: "stage", stage: number } }));
    method.everyGroup((group) => group.parent && all.push({ kind: "module", name: group.path, more: `${counted(group.nodes, "node")}${group.stage < 0 ? "" : ` in ${method.data.stages[group.stage].id}`}`, subject: { kind: "group", group } }));
    for (let node = 0; node < method.count; ++node) all.push({ kind: "node", name: method.id(node), more: `${method.shortOp(node)} ${method.scope(node)}`, subject: { kind: "node", node } });
    method.data.transfers.forEach((transfer, number) => all.push({ kind: "transfer", name: transfer.value, more: `${transfer.from} to ${transfer.to}`, subject: { kind: "transfer", transfer: number } }));
    return all;
  }
  showFound() {
    const list = $("found"), input = $("search");
    this.found = this.find(input.value);
    this.at = this.found.length ? 0 : -1;
    list.replaceChildren(...this.found.map((entry, number) => element("li", { role: "option", id: `found-${number}`, "aria-selected": String(number === this.at),
      onpointerdown: (event) => {
        event.preventDefault();
        this.take(number);
      } }, element("span", { class: "kind" }, entry.kind), element("span", { class: "name" }, entry.name), element("span", { class: "more" }, entry.more))));
    if (input.value.trim() && !this.found.length) list.append(element("li", { "aria-disabled": "true" }, "nothing of that name"));
    list.hidden = !input.value.trim();
    input.setAttribute("aria-expanded", String(!list.hidden));
    this.point(this.at);
  }
  point(number) {
    const items = [...$("found").querySelectorAll("[role=option]")];
    items.forEach((item, index) => item.setAttribute("aria-selected", String(index === number)));
    this.at = number;
    if (items[number]) {
      items[number].scrollIntoView({ block: "nearest" });
      $("search").setAttribute("aria-activedescendant", items[number].id);
    } else {
      $("search").removeAttribute("aria-activedescendant");
    }
  }
  take(number) {
    if (!this.found || !this.found[number]) return;
    this.visit(this.found[number].subject);
    this.closeFound();
  }
  closeFound() {
    $("found").hidden = true;
    $("search").setAttribute("aria-expanded", "false");
  }

  // Controls ----------------------------------------------------------------------------------------------------------

  showTab(name) {
    this.tab = name;
    for (const tab of ["timeline", "memory", "decisions"]) {
      $(`tab-${tab}`).setAttribute("aria-selected", String(tab === name));
      $(`tab-${tab}`).tabIndex = tab === name ? 0 : -1;
      $(`${tab}-panel`).hidden = tab !== name;
    }
    const chart = name === "timeline" ? this.timeline : name === "memory" ? this.memory : null;
    $("legend").textContent = chart ? (chart.rows.length ? chart.legend : this.plan.note || "nothing is known of it") : "";
    this.redraw();
  }
  unfoldAll(open) {
    let depth = Infinity;
    const { method } = this;
    if (open) {
      method.everyGroup((group) => { if (!group.open) depth = Math.min(depth, group.depth); });
      method.everyGroup((group) => { if (group.depth === depth) group.open = true; });
    } else {
      depth = -1;
      method.everyGroup((group) => { if (group.open) depth = Math.max(depth, group.depth); });
      method.everyGroup((group) => { if (group.depth === depth) group.open = false; });
    }
    this.graph.relayout();
    this.graph.fit();
  }
  unfold(open) {
    const { chosen } = this;
    const group = chosen && (chosen.kind === "group" ? chosen.group : chosen.kind === "stage" ? this.method.roots.find((root) => root.stage === chosen.stage) : chosen.kind === "node" && !open ? this.method.leafGroup[chosen.node] : null);
    if (!group) return this.unfoldAll(open);
    group.open = open;
    this.graph.relayout();
    this.choose(chosen.kind === "node" ? { kind: group.parent ? "group" : "stage", group, stage: group.stage } : chosen);
    const first = this.graph.selected.values().next().value;
    if (first !== undefined) this.graph.centre(first);
  }
  controls() {
    const input = $("search");
    input.addEventListener("input", () => this.showFound());
    input.addEventListener("focus", () => input.value && this.showFound());
    input.addEventListener("blur", () => this.closeFound());
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        const count = this.found ? this.found.length : 0;
        if (count) this.point((this.at + (event.key === "ArrowDown" ? 1 : count - 1)) % count);
      } else if (event.key === "Enter") {
        this.take(this.at);
      } else if (event.key === "Escape") {
        this.closeFound();
        $("graph").focus();
      }
    });
    $("fit").addEventListener("click", () => this.graph.fit());
    $("zoom-in").addEventListener("click", () => this.graph.zoom(1.4));
    $("zoom-out").addEventListener("click", () => this.graph.zoom(1 / 1.4));
    $("unfold").addEventListener("click", () => this.unfold(true));
    $("fold").addEventListener("click", () => this.unfold(false));
    $("theme").addEventListener("click", () => {
      document.documentElement.dataset.theme = isDark() ? "light" : "dark";
      this.choose(this.chosen);
      this.showDecisions();
    });
    const tabs = ["timeline", "memory", "decisions"];
    tabs.forEach((name, number) => {
      const tab = $(`tab-${name}`);
      tab.addEventListener("click", () => this.showTab(name));
      tab.addEventListener("keydown", (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!by) return;
        const next = tabs[(number + by + tabs.length) % tabs.length];
        this.showTab(next);
        $(`tab-${next}`).focus();
      });
    });
    document.addEventListener("keydown", (event) => this.key(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.choose(this.chosen));
    new ResizeObserver(() => this.redraw()).observe($("graph-view"));
    new ResizeObserver(() => this.redraw()).observe($("dock"));
  }
  key(event) {
    if (event.target === $("search") || event.ctrlKey || event.metaKey || event.altKey) return;
    const chart = this.charts.find((one) => one.canvas === event.target);
    if (event.key === "/") $("search").focus();
    else if (event.key === "+" || event.key === "=") chart ? chart.zoom(1.5) : this.graph.zoom(1.4);
    else if (event.key === "-") chart ? chart.zoom(1 / 1.5) : this.graph.zoom(1 / 1.4);
    else if (event.key === "0") chart ? chart.range(0, chart.whole) : this.graph.fit();
    else if (event.key === "e") this.unfold(true);
    else if (event.key === "c") this.unfold(false);
    else if (event.key === "Escape") this.choose(null);
    else return;
    event.preventDefault();
  }
}

const app = new App(JSON.parse($("data").textContent));
// Drawn once: what a reader asks for from here on is answered.
requestAnimationFrame(() => setTimeout(() => (document.documentElement.dataset.readyMs = String(Math.round(performance.now())))));
