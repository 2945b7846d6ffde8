// The data, and the tree of what can be folded: stages hold modules, which hold modules and nodes.

/** One method. Nodes are numbers; a group is an object {name, path, stage, device, children, first, nodes, open, parent}. */
class Method {
  constructor(data, plan) {
    this.data = data;
    this.plan = plan;
    this.name = data.name;
    this.count = data.nodes.id.length;
    this.stageOf = new Int32Array(this.count).fill(-1);
    data.stages.forEach((stage, number) => stage.nodes.forEach((node) => (this.stageOf[node] = number)));
    this.stageByName = new Map(data.stages.map((stage, number) => [stage.id, number]));
    this.transferByName = new Map(data.transfers.map((transfer, number) => [transfer.id, number]));
    this.edges = Int32Array.from(data.edges);
    this.indexEdges();
    this.buildTree();
  }

  /** Neighbours of each node, as ranges of one array. */
  indexEdges() {
    const build = (from, to) => {
      const ends = new Int32Array(this.count + 1);
      for (let i = 0; i < this.edges.length; i += 2) ++ends[this.edges[i + from] + 1];
      for (let i = 0; i < this.count; ++i) ends[i + 1] += ends[i];
      const at = ends.slice(), list = new Int32Array(this.edges.length / 2);
      for (let i = 0; i < this.edges.length; i += 2) list[at[this.edges[i + from]]++] = this.edges[i + to];
      return (node) => list.subarray(ends[node], ends[node + 1]);
    };
    this.successors = build(0, 1);
    this.predecessors = build(1, 0);
  }

  buildTree() {
    this.leafGroup = new Array(this.count);
    this.roots = [];
    const stageGroups = new Map();
    for (let node = 0; node < this.count; ++node) {
      const stage = this.stageOf[node];
      let group = stageGroups.get(stage);
      if (!group) {
        const known = stage >= 0 ? this.data.stages[stage] : null;
        group = this.makeGroup(known ? known.id : "not placed", "", stage, null);
        stageGroups.set(stage, group);
        this.roots.push(group);
      }
      ++group.nodes;
      const path = this.scope(node);
      if (path) {
        let begin = 0;
        while (begin <= path.length) {
          const dot = path.indexOf(".", begin), end = dot < 0 ? path.length : dot;
          const prefix = path.slice(0, end);
          let child = group.byName.get(prefix);
          if (!child) {
            child = this.makeGroup(path.slice(begin, end), prefix, stage, group);
            group.byName.set(prefix, child);
            group.children.push(child);
          }
          group = child;
          ++group.nodes;
          begin = end + 1;
        }
      }
      if (group.first < 0) group.first = node;
      group.own.push(node);
      this.leafGroup[node] = group;
    }
    this.openUntil(90);
  }

  makeGroup(name, path, stage, parent) {
    return { name, path, stage, device: stage >= 0 ? this.data.stages[stage].device : -1, parent,
             depth: parent ? parent.depth + 1 : 0, children: [], own: [], byName: new Map(), nodes: 0, first: -1, open: false };
  }

  /** Opens level after level, the groups with most nodes first, as long as no more than `most` boxes are seen. */
  openUntil(most) {
    let seen = this.roots.length, level = [...this.roots];
    while (level.length) {
      level.sort((a, b) => b.nodes - a.nodes);
      const next = [];
      for (const group of level) {
        const inside = group.children.length + group.own.length;
        if (seen + inside - 1 > most && !(inside === 1 && group.children.length === 1)) continue;
        group.open = true;
        seen += inside - 1;
        next.push(...group.children);
      }
      level = next;
    }
  }

  /** The outermost closed group around a node, or null when the node itself is seen. */
  closedAround(node) {
    let closed = null;
    for (let group = this.leafGroup[node]; group; group = group.parent) if (!group.open) closed = group;
    return closed;
  }
  reveal(node) {
    for (let group = this.leafGroup[node]; group; group = group.parent) group.open = true;
  }
  /** In the order of the nodes, each before what is inside it. */
  everyGroup(visit) {
    const stack = [...this.roots].reverse();
    while (stack.length) {
      const group = stack.pop();
      visit(group);
      for (let i = group.children.length; i-- > 0;) stack.push(group.children[i]);
    }
  }
  nodesOf(group) {
    const nodes = [], stack = [group];
    while (stack.length) {
      const next = stack.pop();
      for (const node of next.own) nodes.push(node);
      for (const child of next.children) stack.push(child);
    }
    return nodes.sort((a, b) => a - b);
  }

  id(node) { return this.data.nodes.id[node]; }
  op(node) { return this.data.ops[this.data.nodes.op[node]]; }
  shortOp(node) { return this.op(node).replace(/^aten\./, "").replace(/\.default$/, ""); }
  scope(node) { return this.data.scopes[this.data.nodes.scope[node]]; }
  source(node) { return this.data.sources[this.data.nodes.source[node]]; }
  type(node) { return this.data.types[this.data.nodes.type[node]]; }
  device(node) { return this.stageOf[node] < 0 ? -1 : this.data.stages[this.stageOf[node]].device; }
}
