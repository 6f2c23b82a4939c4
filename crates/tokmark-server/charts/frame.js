// What all charts share: legend, titles of the axes, notes, tooltip, and how an axis is drawn.

import { NOTE_LINE, shorten, SIZE, widthOf, wrap } from "./look.js";

export const EDGE = 12;
const LEGEND_ROW = 20;
const SIGN = 30;
const GAP = 18;
const MOST_NAME = 240;
const LEAST_NAME = 56;
const TICK_GAP = 10;

// Rows of names, as many as they need: `entries` are name of series, what it is called, and
// the icon where it is not the series's own.
function legends(entries, width, look) {
  const rows = [];
  let x = Infinity;
  for (const entry of entries) {
    const label = shorten(entry.label, MOST_NAME);
    const room = SIGN + 5 + widthOf(label);
    if (x + room > width - EDGE) {
      rows.push([]);
      x = EDGE;
    }
    rows.at(-1).push({ ...entry, label });
    x += room + GAP;
  }
  return rows.map((row, n) => {
    const labels = new Map(row.map((entry) => [entry.name, entry.label]));
    return {
      type: "plain",
      data: row.map(({ name, icon }) => (icon ? { name, icon } : { name })),
      formatter: (name) => labels.get(name),
      selectedMode: false,
      left: EDGE,
      top: 2 + n * LEGEND_ROW,
      padding: 0,
      itemWidth: SIGN,
      itemHeight: 12,
      itemGap: GAP,
      textStyle: look.font,
    };
  });
}

const title = (text, look, place) => ({ text, padding: 0, textStyle: look.font, ...place });

// The part of an option around the area between the axes.
export function frame({ data, look, width, legend, left, right, yTitle, xTitle }) {
  const rows = legends(legend, width, look);
  const lines = data.notes.flatMap((note) => wrap(note, width - 2 * EDGE));
  const notes = lines.length * NOTE_LINE;
  const legendEnd = rows.length * LEGEND_ROW + 4;
  const titles = [
    title(xTitle, look, { right, bottom: notes + 6 }),
    title(lines.join("\n"), look, { left: EDGE, bottom: 4, textStyle: {
      ...look.font, color: look.muted, lineHeight: NOTE_LINE } }),
  ];
  if (yTitle) titles.push(title(yTitle, look, { left: EDGE, top: legendEnd + 4 }));
  return {
    animation: false,
    backgroundColor: look.background,
    aria: { enabled: true, label: { enabled: false }, decal: { show: true, decals: look.decals } },
    legend: rows,
    title: titles,
    textStyle: { fontFamily: look.font.fontFamily, fontSize: SIZE },
    grid: {
      left, right, top: legendEnd + (yTitle ? 30 : 8), bottom: notes + 46, outerBoundsMode: "none",
    },
  };
}

// Places on an axis as they are drawn: a logarithmic axis is a straight one of logarithms.
export const scale = (axis) => (axis.kind === "log" ? Math.log10 : (value) => value);

// Of the ticks along `room` pixels every one, every second and so on, as their labels have room;
// names are shortened before they are left out.
export function fitted(axis, room) {
  const at = scale(axis);
  const slot = Math.max(LEAST_NAME, room / axis.ticks.length - TICK_GAP);
  const cut = (label) => (axis.kind === "names" ? shorten(label, slot) : label);
  const ticks = axis.ticks.map(([place, label]) => [place, cut(label)]);
  const [low, high] = [at(axis.low), at(axis.high)];
  const ends = ticks.map(([place, label]) => {
    const [middle, half] = [room * (at(place) - low) / (high - low), widthOf(label) / 2];
    return [middle - half, middle + half];
  });
  const isFree = (every) => {
    const kept = ends.filter((_, n) => n % every === 0);
    return kept.every(([left], n) => n === 0 || kept[n - 1][1] + TICK_GAP <= left);
  };
  let every = 1;
  while (every < ticks.length && !isFree(every)) every += 1;
  return { ...axis, ticks: ticks.filter((_, n) => n % every === 0) };
}

// An axis with the ticks that the server chose; `shown` says whether its own line and those of
// the grid are drawn.
export function axisOption(axis, look, shown) {
  const at = scale(axis);
  const labels = new Map(axis.ticks.map(([place, label]) => [at(place), label]));
  const ticks = [...labels.keys()];
  return {
    type: "value",
    min: at(axis.low),
    max: at(axis.high),
    axisLine: { show: shown.axis, onZero: false, lineStyle: { color: look.axis } },
    axisTick: { show: shown.axis, customValues: ticks, lineStyle: { color: look.axis } },
    axisLabel: {
      customValues: ticks,
      formatter: (value, n) => labels.get(value) ?? axis.ticks[n]?.[1] ?? "",
      hideOverlap: !shown.axis,
      color: look.muted,
      fontSize: SIZE,
      fontFamily: look.font.fontFamily,
    },
    splitLine: { show: shown.grid, lineStyle: { color: look.grid } },
    axisPointer: { label: { show: false }, lineStyle: { color: look.text, type: "solid" } },
  };
}

// A tooltip stays while the pointer is on it. Its content is made of nodes, so that no text of
// a record becomes markup.
export function tooltip(look, lines, more) {
  return {
    show: true,
    renderMode: "html",
    className: "chart-tip",
    enterable: true,
    confine: true,
    hideDelay: 300,
    transitionDuration: 0,
    backgroundColor: look.background,
    borderColor: look.axis,
    borderWidth: 1,
    textStyle: look.font,
    extraCssText: "white-space:normal;max-width:24rem;max-height:16rem;overflow:auto;box-shadow:none",
    formatter: (params) => {
      const [head, ...rest] = lines(Array.isArray(params) ? params : [params]);
      if (head === undefined) return null;
      return [["strong", head], ...rest.map((text) => ["div", text])].map(([tag, text]) => {
        const node = document.createElement(tag);
        node.textContent = text;
        return node;
      });
    },
    ...more,
  };
}
