// Series over two axes: lines, points, intervals, and straight lines that are named.

import { dash, marker, textStyle, widest, widthOf } from "./look.js";
import { axisOption, EDGE, fitted, frame, scale, tooltip } from "./frame.js";
import { intervalAt, place, reading } from "./words.js";

const LABEL = 14;
const ROWS = [0, 1, 2, 3, 4, 5];

export function fieldOption(data, look, width) {
  const { y, series, guides } = data.drawing;
  const named = series.map((one, n) => ({ name: String(n), label: one.label }));
  const hasLines = series.some((one) => one.lines.length);
  const beside = EDGE + widest(y.ticks.map(([, label]) => label)) + 10;
  const x = fitted(data.drawing.x, width - beside - 2 * EDGE);
  const half = (tick) => EDGE + widthOf(tick?.[1] ?? "") / 2;
  const left = x.kind === "names" ? beside : Math.max(beside, half(x.ticks[0]));
  const around = frame({
    data, look, width, left, right: x.kind === "names" ? EDGE + 14 : Math.max(EDGE + 14, half(data.drawing.x.ticks.at(-1))), legend: named.length > 1 ? named : [],
    xTitle: x.title, yTitle: y.title,
  });
  return {
    ...around,
    xAxis: axisOption(x, look, { axis: true, grid: false }),
    yAxis: axisOption(y, look, { axis: false, grid: true }),
    tooltip: tooltip(look, (params) => told(data.drawing, params), {
      trigger: hasLines ? "axis" : "item",
      axisPointer: { type: "line", snap: true },
    }),
    series: [
      ...series.flatMap((one, n) => drawn(one, n, data.drawing, look)),
      ...(guides.length ? [guideSeries(guides, data.drawing, look)] : []),
    ],
  };
}

// Where the pointer is, and what each series has there.
function told({ x, y, series }, params) {
  const own = params.filter((one) => one.value && series[one.seriesName]);
  if (!own.length) return [];
  const line = ({ seriesName, value }) => {
    const [, , atX, atY, label] = value;
    const one = series[seriesName];
    const name = [one.label, label].filter(Boolean).join(" ");
    return (name ? `${name}: ` : "") + reading(y, atY, intervalAt(one, atX, atY));
  };
  return [place(x, own[0].value[2]), ...own.map(line)];
}

// A series in layers: intervals, line, points. Items are the places in the chart, then those
// of the data.
function drawn(one, n, { x, y }, look) {
  const [atX, atY] = [scale(x), scale(y)];
  const item = ([px, py, label]) => [atX(px), atY(py), px, py, label];
  const colour = look.colour(n);
  const base = { name: String(n), color: colour, animation: false, emphasis: { disabled: true } };
  const layers = [];
  if (one.lines.length) {
    const pieces = one.lines.map((piece) => piece.map(item));
    layers.push({
      ...base,
      type: "line",
      data: pieces.flatMap((piece, at) => (at ? [[piece[0][0], null], ...piece] : piece)),
      encode: { x: 0, y: 1 },
      step: one.steps ? "end" : false,
      showSymbol: false,
      symbol: one.points.length ? marker(n) : "none",
      symbolSize: 9,
      symbolKeepAspect: true,
      lineStyle: { color: colour, width: look.lineWidth, type: dash(n), join: "round" },
      itemStyle: { color: colour, decal: { symbol: "none" } },
      areaStyle: one.filled ? { color: colour, opacity: 0.13 } : undefined,
      z: 3,
    });
  }
  if (one.points.length) {
    layers.push({
      ...base,
      type: "scatter",
      data: one.points.map(item),
      encode: { x: 0, y: 1 },
      symbol: marker(n),
      symbolSize: 9,
      symbolKeepAspect: true,
      itemStyle: {
        color: colour,
        opacity: 1,
        borderColor: look.background,
        borderWidth: 0.8,
        decal: { symbol: "none" },
      },
      label: {
        show: one.points.some(([, , label]) => label),
        formatter: ({ value }) => value[4] ?? "",
        position: "right",
        ...look.font,
        textBorderColor: look.background,
        textBorderWidth: 3,
      },
      silent: one.lines.length > 0,
      tooltip: { show: one.lines.length === 0 },
      z: 4,
    });
  }
  // Last: the legend takes its sign from the first of a name.
  if (one.bands.length || one.whiskers.length) layers.push(intervals(one, base, atX, atY));
  return layers;
}

// Bands where intervals are many, whiskers where they are few.
function intervals(one, base, atX, atY) {
  const item = ([x, low, high]) => [atX(x), atY(low), atY(high)];
  const bands = one.bands.map((band) => band.map(item));
  const stroke = { stroke: base.color, fill: "none", lineWidth: 1.4 };
  const band = (places, api) => {
    const lower = places.map(([x, low]) => api.coord([x, low]));
    const upper = places.map(([x, , high]) => api.coord([x, high])).reverse();
    return {
      type: "polygon",
      shape: { points: [...lower, ...upper] },
      style: { fill: base.color, fillOpacity: 0.13, stroke: base.color, lineWidth: 1, lineDash: [1, 3] },
    };
  };
  const whisker = ([x, low, high], api) => {
    const [[at, from], [, to]] = [api.coord([x, low]), api.coord([x, high])];
    const bar = (y) => `M${at - 4} ${y}h8`;
    return { type: "path", shape: { pathData: `${bar(from)}${bar(to)}M${at} ${from}V${to}` }, style: stroke };
  };
  const whiskers = one.whiskers.map(item);
  return {
    ...base,
    type: "custom",
    data: [...bands.map((places) => places[0]), ...whiskers],
    encode: { x: 0, y: [1, 2] },
    renderItem: ({ dataIndex }, api) => (dataIndex < bands.length
      ? band(bands[dataIndex], api)
      : whisker(whiskers[dataIndex - bands.length], api)),
    clip: true,
    silent: true,
    tooltip: { show: false },
    z: 2,
  };
}

// Straight lines across the chart; a name is written where it covers no other, and no other
// line where that can be.
function guideSeries(guides, { x, y }, look) {
  const style = { stroke: look.text, fill: "none", lineWidth: 1.2, lineDash: [5, 3] };
  let taken = [];
  const free = (box) => taken.every((other) => box.left >= other.right || box.right <= other.left
    || Math.abs(box.top - other.top) >= LABEL);
  const renderItem = ({ dataIndex, coordSys: area }, api) => {
    if (dataIndex === 0) taken = [];
    const { at, label, upright } = guides[dataIndex];
    const [right, bottom, room] = [area.x + area.width, area.y + area.height, widthOf(label)];
    const across = (value) => api.coord([scale(x)(value), y.low])[0];
    const up = (value) => api.coord([x.low, scale(y)(value)])[1];
    const line = upright
      ? { x1: across(at), x2: across(at), y1: area.y, y2: bottom }
      : { x1: area.x, x2: right, y1: up(at), y2: up(at) };
    const places = upright
      ? ROWS.flatMap((n) => [line.x1 + 4, line.x1 - 4 - room].map((left) => [left, area.y + 2 + 16 * n]))
      : ROWS.flatMap((n) => [line.y1 - 16, line.y1 + 3].map((top) => [right - room - 4 - n * area.width / 6, top]));
    const lines = guides.filter((guide) => guide.upright).map((guide) => across(guide.at));
    const crossed = (box) => lines.filter((px) => box.left < px && px < box.right).length;
    const boxes = places
      .map(([left, top]) => ({ left, top, right: left + room }))
      .filter((box) => label && box.left >= area.x && box.right <= right && free(box))
      .sort((one, other) => crossed(one) - crossed(other));
    const text = boxes.slice(0, 1).map((box) => {
      taken.push(box);
      return { type: "text", x: box.left, y: box.top, style: textStyle(label, look) };
    });
    return { type: "group", children: [{ type: "line", shape: line, style }, ...text] };
  };
  return {
    name: "guides",
    type: "custom",
    data: guides.map((_, n) => [n]),
    encode: { x: -1, y: -1 },
    renderItem,
    silent: true,
    tooltip: { show: false },
    animation: false,
    z: 5,
  };
}
