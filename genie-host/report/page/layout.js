// Where each box lies: a lane for each device, rows by how far a value has come. Linear in nodes and edges.

const BOX = { width: 148, height: 34, gapX: 16, gapY: 26, laneGap: 46, perLane: 8 };

/** Boxes are what is seen: closed groups, and nodes of open ones. */
function layOut(method) {
  const boxOf = new Int32Array(method.count), boxes = [], numbers = new Map();
  const boxOfNode = (node) => {
    const group = method.closedAround(node);
    if (!group) return boxes.push({ node, group: null, device: method.device(node), stage: method.stageOf[node], row: 0 }) - 1;
    let number = numbers.get(group);
    if (number === undefined) {
      number = boxes.push({ node: -1, group, device: group.device, stage: group.stage, row: 0 }) - 1;
      numbers.set(group, number);
    }
    return number;
  };
  // Nodes come in an order in which they could run: what a box reads has its row by then, or lies below and is read again.
  const placed = [];
  for (let node = 0; node < method.count; ++node) {
    const number = (boxOf[node] = boxOfNode(node));
    const first = !placed[number];
    placed[number] = true;
    if (!first) continue;
    let row = 0;
    for (const before of method.predecessors(node)) {
      if (before < node && boxOf[before] !== number) row = Math.max(row, boxes[boxOf[before]].row + 1);
    }
    boxes[number].row = row;
  }

  // Lanes, in the order of the topology; a row of a lane that is too long goes on in the next line.
  const lanes = new Map();
  for (const box of boxes) if (!lanes.has(box.device)) lanes.set(box.device, { device: box.device, slots: new Map(), widest: 1 });
  const ordered = [...lanes.values()].sort((a, b) => a.device - b.device);
  const linesOfRow = [];
  for (const box of boxes) {
    const lane = lanes.get(box.device), taken = lane.slots.get(box.row) || 0;
    lane.slots.set(box.row, taken + 1);
    box.column = taken % BOX.perLane;
    box.line = Math.floor(taken / BOX.perLane);
    lane.widest = Math.max(lane.widest, box.column + 1);
    linesOfRow[box.row] = Math.max(linesOfRow[box.row] || 1, box.line + 1);
  }
  const rowY = [];
  let y = 0;
  for (let row = 0; row < linesOfRow.length; ++row) {
    rowY[row] = y;
    y += (linesOfRow[row] || 0) * (BOX.height + BOX.gapY);
  }
  let x = 0;
  for (const lane of ordered) {
    lane.x = x;
    lane.width = lane.widest * (BOX.width + BOX.gapX) + BOX.gapX;
    x += lane.width + BOX.laneGap;
  }
  for (const box of boxes) {
    const lane = lanes.get(box.device), inRow = Math.min(BOX.perLane, lane.slots.get(box.row) - box.line * BOX.perLane);
    const indent = (lane.width - inRow * (BOX.width + BOX.gapX) + BOX.gapX) / 2;
    box.x = lane.x + indent + box.column * (BOX.width + BOX.gapX);
    box.y = rowY[box.row] + box.line * (BOX.height + BOX.gapY);
  }
  const result = { boxes, boxOf, lanes: ordered, width: Math.max(1, x - BOX.laneGap), height: Math.max(1, y - BOX.gapY) };
  joinEdges(method, result);
  return result;
}

/** Edges between boxes, each once, with how many values it stands for; and by which band of height they are seen. */
function joinEdges(method, layout) {
  const seen = new Map(), edges = [], count = layout.boxes.length;
  for (let i = 0; i < method.edges.length; i += 2) {
    const from = layout.boxOf[method.edges[i]], to = layout.boxOf[method.edges[i + 1]];
    if (from === to) continue;
    const key = from * count + to, known = seen.get(key);
    if (known !== undefined) {
      ++edges[known].values;
    } else {
      seen.set(key, edges.length);
      edges.push({ from, to, values: 1, crosses: layout.boxes[from].device !== layout.boxes[to].device });
    }
  }
  layout.edges = edges;
  layout.band = 40 * (BOX.height + BOX.gapY);
  const bands = Math.ceil((layout.height + 1) / layout.band);
  layout.boxBands = Array.from({ length: bands }, () => []);
  layout.edgeBands = Array.from({ length: bands }, () => []);
  layout.longEdges = [];
  layout.boxes.forEach((box, number) => layout.boxBands[Math.floor(box.y / layout.band)].push(number));
  edges.forEach((edge, number) => {
    const a = layout.boxes[edge.from].y, b = layout.boxes[edge.to].y;
    const first = Math.floor(Math.min(a, b) / layout.band), last = Math.floor(Math.max(a, b) / layout.band);
    if (last - first > 2) layout.longEdges.push(number);
    else for (let band = first; band <= last; ++band) layout.edgeBands[band].push(number);
  });
}
