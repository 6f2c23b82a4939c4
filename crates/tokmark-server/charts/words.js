// Numbers and places as people read them, as the table beside the chart has them.

// Three significant digits; no digit before the point is rounded away.
export function number(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-4 || size >= 1e9) return value.toExponential(2);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(size)));
  return value.toLocaleString("en", { maximumFractionDigits: Math.min(9, digits) });
}

const withUnit = (text, axis) => (axis.unit ? `${text} ${axis.unit}` : text);

// A place on an axis with its unit.
export function place(axis, value) {
  if (axis.kind === "names") return axis.names[value] ?? "";
  if (axis.kind === "utc") {
    const [day, clock] = new Date(1000 * Math.round(value)).toISOString().split(/[T.]/);
    if (clock === "00:00:00") return day;
    return `${day} ${clock.endsWith(":00") ? clock.slice(0, 5) : clock}`;
  }
  return withUnit(number(value), axis);
}

const ends = ([low, high]) => `${number(low)} to ${number(high)}`;

// A value of a series with its interval: `410 ms (385 to 451)`.
export function reading(axis, value, interval) {
  return place(axis, value) + (interval ? ` (${ends(interval)})` : "");
}

// The interval of a series at a point, where it has one there.
export function intervalAt(series, x, y) {
  // A band of a thinned series holds the intervals of whole stretches.
  const all = [...series.whiskers, ...(series.thinned ? [] : series.bands.flat())];
  const found = all.find(([at, low, high]) => at === x && low <= y && y <= high);
  return found && [found[1], found[2]];
}

// What a row of bars or spans shows, a line each.
export function rowLines(drawing, row) {
  const lines = [];
  if (row.text) {
    const interval = row.whisker ? `, interval ${withUnit(ends(row.whisker), drawing.x)}` : "";
    const [span] = row.spans;
    const label = span ? drawing.patterns[span.pattern].label : "";
    lines.push((label ? `${label}: ` : "") + row.text + interval);
  } else {
    for (const span of row.spans) {
      const label = drawing.patterns[span.pattern].label;
      lines.push(`${label}: ${withUnit(ends([span.from, span.to]), drawing.x)}`);
    }
  }
  if (row.cross) lines.push(`${row.cross[1]}: ${place(drawing.x, row.cross[0])}`);
  return lines;
}

const MOST_SAID = 12;

// Every value in words, where they are few enough to be listened to; else nothing.
export function values({ drawing }) {
  let said = [];
  if (drawing.kind === "rows") {
    said = drawing.groups.flatMap((group) =>
      group.rows.map((row) => `${group.label}, ${rowLines(drawing, row).join(", ")}`));
  } else if (drawing.kind === "field") {
    said = drawing.series.flatMap((series) => {
      const points = series.lines.length ? series.lines.flat() : series.points;
      return points.map(([x, y]) => {
        const interval = intervalAt(series, x, y);
        const text = place(drawing.y, y) + (interval ? `, interval ${ends(interval)}` : "");
        return `${series.label} ${text} at ${place(drawing.x, x)}`.trim();
      });
    });
  }
  return said.length && said.length <= MOST_SAID ? `${said.join("; ")}.` : "";
}
