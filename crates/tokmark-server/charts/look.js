// How a chart looks: the page's colours, dashes, markers and patterns, and the room that text takes.

const FONT = "system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif";
export const SIZE = 12;
export const NOTE_LINE = 15;

// As many as the drawings from the server have, in the same order.
const DASHES = ["solid", [8, 4], [2, 3], [10, 3, 2, 3], [14, 4, 4, 4]];
const MARKERS = [
  "circle",
  "rect",
  "triangle",
  "diamond",
  "path://M-1.3-4.4h2.6v3.1h3.1v2.6h-3.1v3.1h-2.6v-3.1h-3.1v-2.6h3.1z",
  "path://M0 4.4l-4.2-7.6h8.4z",
  "path://M0-1.9l2.5-2.5l1.9 1.9l-2.5 2.5l2.5 2.5l-1.9 1.9l-2.5-2.5l-2.5 2.5l-1.9-1.9l2.5-2.5l-2.5-2.5l1.9-1.9z",
];
const DECALS = [
  { symbol: "none" },
  { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -Math.PI / 4 },
  { symbol: "circle", dashArrayX: [[5, 5], [0, 5, 5, 0]], dashArrayY: [5, 0], symbolSize: 0.8 },
  { symbol: "rect", dashArrayX: [[1, 5], [6, 0]], dashArrayY: [5, 0, 1, 0], rotation: Math.PI / 4 },
  { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: 0 },
  { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: Math.PI / 2 },
];
const N_COLOURS = 8;

export const dash = (n) => DASHES[n % DASHES.length];
export const marker = (n) => MARKERS[n % MARKERS.length];

// The colours that hold where `element` stands, in the mode that is on now.
export function lookOf(element) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(`--tp-${name}`).trim();
  const series = Array.from({ length: N_COLOURS }, (_, n) => colour(`series-${n}`));
  const [background, text] = [colour("background"), colour("text")];
  const more = document.documentElement.dataset.contrast === "more"
    || matchMedia("(prefers-contrast: more)").matches;
  return {
    background,
    text,
    muted: more ? text : colour("muted"),
    axis: more ? text : colour("axis"),
    grid: more ? colour("axis") : colour("grid"),
    lineWidth: more ? 3 : 2,
    colour: (n) => series[n % N_COLOURS],
    decal: (n) => ({ ...DECALS[n % DECALS.length], color: background }),
    decals: DECALS.map((decal) => ({ ...decal, color: background })),
    font: { color: text, fontSize: SIZE, fontFamily: FONT, fontWeight: "normal" },
  };
}

// Text that is read over lines.
export const textStyle = (text, look) => ({
  text,
  fill: look.text,
  stroke: look.background,
  lineWidth: 3,
  fontSize: SIZE,
  fontFamily: FONT,
});

const pen = document.createElement("canvas").getContext("2d");

// Pixels that `text` takes on one line.
export function widthOf(text) {
  pen.font = `${SIZE}px ${FONT}`;
  return pen.measureText(text).width;
}

export const widest = (texts) => texts.reduce((most, text) => Math.max(most, widthOf(text)), 0);

// `text`, cut with an ellipsis where it is wider than `room`.
export function shorten(text, room) {
  if (widthOf(text) <= room) return text;
  const letters = [...text];
  while (letters.length && widthOf(`${letters.join("")}\u2026`) > room) letters.pop();
  return `${letters.join("").trimEnd()}\u2026`;
}

// `text` broken between words into lines of at most `room` pixels.
export function wrap(text, room) {
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && widthOf(longer) <= room) lines[lines.length - 1] = longer;
    else lines.push(shorten(word, room));
  }
  return lines;
}
