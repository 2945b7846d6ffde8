// Texts of numbers, elements, colours of devices.

const $ = (id) => document.getElementById(id);

/** An element with text or children; texts of the plan enter the page here, as text. */
function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function threeDigits(value) {
  return value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
function bytesText(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  let unit = -1;
  do {
    bytes /= 1024;
    ++unit;
  } while (bytes >= 1023.5 && unit < 5);
  return `${threeDigits(bytes)} ${["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][unit]}`;
}
function timeText(ns) {
  if (ns < 1000) return `${Math.round(ns)} ns`;
  if (ns < 999.5e3) return `${threeDigits(ns / 1e3)} µs`;
  if (ns < 999.5e6) return `${threeDigits(ns / 1e6)} ms`;
  return `${threeDigits(ns / 1e9)} s`;
}
const countText = (count) => count.toLocaleString("en-US");
const counted = (count, what) => `${countText(count)} ${what}${count === 1 ? "" : "s"}`;

/** A round step of a scale with about `wanted` parts. */
function roundStep(span, wanted) {
  const rough = span / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
}

/** Hues that the colour-blind tell apart; labels and hatching say the same without colour. */
const HUES = [[212, 78], [28, 88], [150, 55], [330, 58], [265, 55], [48, 85], [185, 65], [5, 66]];
const HATCH_AFTER = HUES.length;
function isDark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
function deviceColour(device, part) {
  if (device < 0) {
    const grey = isDark() ? { fill: 26, soft: 12, line: 52, text: 86 } : { fill: 89, soft: 96, line: 58, text: 22 };
    return `hsl(215 12% ${grey[part]}%)`;
  }
  const [hue, strength] = HUES[device % HUES.length];
  const light = isDark() ? { fill: 27, soft: 12, line: 55, text: 82 } : { fill: 80, soft: 95, line: 45, text: 28 };
  return `hsl(${hue} ${part === "soft" ? strength * 0.55 : strength}% ${light[part]}%)`;
}
const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A canvas as large as its place, in the device's own pixels. */
function sharpCanvas(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  const w = Math.max(1, Math.round(width * scale)), h = Math.max(1, Math.round(height * scale));
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** The text, cut with "…" to a width at about `size` pixels a sign. */
function cut(text, width, size) {
  const signs = Math.floor(width / size);
  if (text.length <= signs) return text;
  return signs < 3 ? "" : `${text.slice(0, signs - 1)}…`;
}

function roundedBox(context, x, y, width, height, radius) {
  context.beginPath();
  context.roundRect(x, y, width, height, Math.min(radius, width / 2, height / 2));
}
