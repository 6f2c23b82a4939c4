// Rows along one axis: bars with intervals, spans of time.

import { shorten, SIZE, textStyle, widest } from "./look.js";
import { axisOption, EDGE, fitted, frame, tooltip } from "./frame.js";
import { rowLines } from "./words.js";

const GROUP_GAP = 0.4;

// Rows from top to bottom with the middle of each, and of each group.
function placed(groups) {
  const gap = groups.some((group) => group.rows.length > 1) ? GROUP_GAP : 0;
  const [rows, middles] = [[], []];
  let top = 0;
  for (const group of groups) {
    middles.push(top + group.rows.length / 2);
    for (const row of group.rows) {
      rows.push({ row, group, at: top + 0.5 });
      top += 1;
    }
    top += gap;
  }
  return { rows, middles, height: top - gap };
}

// Pixels that the rows want, so that they can be read.
export function rowsHeight({ groups }) {
  const rows = groups.flatMap((group) => group.rows);
  return rows.length * (rows.some((row) => row.text) ? 22 : 6);
}

export function rowsOption(data, look, width) {
  const { drawing } = data;
  const { x, groups, patterns, cross } = drawing;
  const { rows, middles, height } = placed(groups);
  const most = width * 0.32;
  const names = groups.map((group) => shorten(group.label, most));
  const left = EDGE + widest(names) + 8;
  const texts = rows.filter(({ row }) => row.spans.length).map(({ row }) => row.text);
  const right = EDGE + 14 + Math.min(widest(texts), width * 0.3);
  const hasLegend = patterns.length > 1 || cross;
  const legend = hasLegend ? patterns.map(({ label }, n) => ({ name: String(n), label, icon: "rect" })) : [];
  if (cross) legend.push({ name: "cross", label: cross, icon: CROSS });
  const around = frame({ data, look, width, left, right, legend, xTitle: x.title });
  const across = fitted(x, width - left - right);
  const labels = new Map(middles.map((at, n) => [at, names[n]]));
  return {
    ...around,
    xAxis: axisOption(across, look, { axis: true, grid: true }),
    yAxis: {
      type: "value",
      inverse: true,
      min: 0,
      max: height,
      axisLine: { show: false },
      axisTick: { show: false, customValues: middles },
      axisLabel: {
        customValues: middles,
        formatter: (at, n) => labels.get(at) ?? names[n] ?? "",
        hideOverlap: true,
        ...look.font,
      },
      splitLine: { show: false },
    },
    tooltip: tooltip(look, ([one]) => {
      const found = one.seriesName === "rows" && rows[one.dataIndex];
      return found ? [found.group.label, ...rowLines(drawing, found.row)] : [];
    }, { trigger: "item" }),
    series: [
      ...patterns.map((pattern, n) => spans(rows, pattern.style, n, look)),
      ends(rows, look, width),
      ...(cross ? [crosses(rows, look)] : []),
      whole(rows),
    ],
  };
}

const quiet = { type: "custom", silent: true, tooltip: { show: false }, animation: false };

// The filled pieces of one pattern.
function spans(rows, style, pattern, look) {
  const own = rows.flatMap(({ row, at }) =>
    row.spans.filter((span) => span.pattern === pattern).map((span) => [span.from, at, span.to]));
  const fill = { fill: look.colour(style), stroke: look.colour(style), lineWidth: 0.8 };
  return {
    ...quiet,
    name: String(pattern),
    color: look.colour(style),
    itemStyle: { color: look.colour(style), decal: look.decal(style) },
    data: own,
    encode: { x: [0, 2], y: 1 },
    renderItem: ({ dataIndex }, api) => {
      const [from, at, to] = own[dataIndex];
      const [[x1, y], [x2]] = [api.coord([from, at]), api.coord([to, at])];
      const room = api.size([0, 1])[1];
      const height = Math.max(1, room - (room >= 8 ? 4 : 1));
      return {
        type: "rect",
        shape: { x: x1, y: y - height / 2, width: Math.max(0.5, x2 - x1), height },
        style: { ...fill, decal: api.visual("decal") },
      };
    },
    z: 2,
  };
}

// Intervals, and the texts behind the rows.
function ends(rows, look, width) {
  const own = rows.filter(({ row }) => row.whisker || row.text);
  return {
    ...quiet,
    name: "ends",
    data: own.map(({ row, at }) => [row.whisker?.[1] ?? row.spans.at(-1)?.to ?? 0, at]),
    renderItem: ({ dataIndex }, api) => {
      const { row, at } = own[dataIndex];
      const children = [];
      const tops = [0, ...row.spans.map((span) => span.to), ...(row.whisker ? [row.whisker[1]] : [])];
      const [end, y] = api.coord([Math.max(...tops), at]);
      if (row.whisker) {
        const [low, high] = row.whisker.map((value) => api.coord([value, at])[0]);
        const pathData = `M${low} ${y - 4}v8M${high} ${y - 4}v8M${low} ${y}H${high}`;
        for (const [stroke, lineWidth] of [[look.background, 4.5], [look.text, 1.5]]) {
          children.push({ type: "path", shape: { pathData }, style: { stroke, lineWidth, fill: "none" } });
        }
      }
      if (row.text && api.size([0, 1])[1] >= SIZE) {
        const style = { ...textStyle(shorten(row.text, width - end - 10), look), verticalAlign: "middle" };
        children.push({ type: "text", x: end + 7, y, style });
      }
      return { type: "group", children };
    },
    z: 3,
  };
}

const CROSS = "path://M-4-3l1-1l3 3l3-3l1 1l-3 3l3 3l-1 1l-3-3l-3 3l-1-1l3-3z";

// Where something went wrong.
function crosses(rows, look) {
  const own = rows.filter(({ row }) => row.cross);
  return {
    name: "cross",
    type: "scatter",
    silent: true,
    tooltip: { show: false },
    data: own.map(({ row, at }) => [row.cross[0], at]),
    symbol: CROSS,
    symbolSize: 9,
    color: look.text,
    itemStyle: { color: look.text, decal: { symbol: "none" } },
    z: 4,
  };
}

// What is pointed at: a row over its whole width, so that short bars can be hit too.
function whole(rows) {
  return {
    type: "custom",
    name: "rows",
    animation: false,
    data: rows.map(({ at }) => [0, at]),
    encode: { y: 1 },
    renderItem: ({ dataIndex, coordSys }, api) => {
      const height = api.size([0, 1])[1];
      const y = coordSys.y + (rows[dataIndex].at - 0.5) * height;
      return {
        type: "rect",
        shape: { x: coordSys.x, y, width: coordSys.width, height },
        style: { fill: "transparent" },
      };
    },
    z: 6,
  };
}
