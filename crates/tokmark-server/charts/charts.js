// Charts that answer the pointer, drawn by ECharts where the server's drawing stands. Whatever
// fails here, that drawing stays; it stays as well under forced colours and on paper.

import { CustomChart, LineChart, ScatterChart } from "echarts/charts";
import {
  AriaComponent, GridComponent, LegendPlainComponent, TitleComponent, TooltipComponent,
} from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

import { fieldOption } from "./field.js";
import { lookOf } from "./look.js";
import { rowsHeight, rowsOption } from "./rows.js";
import { values } from "./words.js";

use([
  AriaComponent, CustomChart, GridComponent, LegendPlainComponent, LineChart, ScatterChart,
  SVGRenderer, TitleComponent, TooltipComponent,
]);

// Pixels between the axes, at least.
const LEAST_AREA = 180;

const forced = matchMedia("(forced-colors: active)");
const live = new Map();

function upgrade(figure) {
  if (live.has(figure) || forced.matches) return;
  const picture = figure.querySelector(".picture");
  const still = picture.querySelector("svg");
  const data = JSON.parse(figure.querySelector(".chart-data").textContent);
  if (data.drawing.kind === "empty") return;
  const element = document.createElement("div");
  element.className = "live-chart";
  element.setAttribute("role", "img");
  element.setAttribute("aria-labelledby", still.getAttribute("aria-labelledby"));
  const { width, height } = still.viewBox.baseVal;
  element.style.aspectRatio = `${width} / ${height}`;
  const said = describe(element, still, values(data));
  picture.append(element, ...said);
  figure.dataset.live = "";
  const one = { figure, element, said, data, chart: null, width: 0 };
  live.set(figure, one);
  try {
    draw(one);
    sizes.observe(element);
  } catch (error) {
    stop(one);
    console.warn(`the chart stays as the server drew it: ${error.message}`);
  }
}

// The values in words, which assistive software reads after the name.
function describe(element, still, text) {
  if (!text) return [];
  const node = document.createElement("p");
  node.id = `${still.querySelector("title").id}-values`;
  node.hidden = true;
  node.textContent = text;
  element.setAttribute("aria-describedby", node.id);
  return [node];
}

// Draws for the room and the colours that there are now.
function draw(one) {
  const { element, data } = one;
  const width = element.clientWidth;
  if (!width) return;
  const isRows = data.drawing.kind === "rows";
  const option = (isRows ? rowsOption : fieldOption)(data, lookOf(element), width);
  const least = isRows ? rowsHeight(data.drawing) : LEAST_AREA;
  element.style.minHeight = `${option.grid.top + option.grid.bottom + least}px`;
  const height = element.clientHeight;
  if (one.chart) one.chart.resize({ width, height, silent: true });
  else one.chart = begin(element, width, height);
  one.chart.setOption(option, { notMerge: true });
  one.width = width;
}

// A chart whose pieces say nothing by themselves: its element has the name and the description.
function begin(element, width, height) {
  const chart = init(element, null, { renderer: "svg", width, height });
  element.firstElementChild.setAttribute("aria-hidden", "true");
  return chart;
}

function stop(one) {
  sizes.unobserve(one.element);
  one.chart?.dispose();
  one.element.remove();
  one.said.forEach((node) => node.remove());
  delete one.figure.dataset.live;
  live.delete(one.figure);
}

const sizes = new ResizeObserver((entries) => requestAnimationFrame(() => {
  for (const { target } of entries) {
    const one = live.get(target.closest("[data-chart]"));
    if (one && target.clientWidth && target.clientWidth !== one.width) draw(one);
  }
}));

// A chart is drawn when it comes near to what is seen; one behind its table is not seen.
const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    try {
      upgrade(target.closest("[data-chart]"));
    } catch (error) {
      console.warn(`the chart stays as the server drew it: ${error.message}`);
    }
  }
}, { rootMargin: "300px" });

function watch() {
  for (const picture of document.querySelectorAll("[data-chart] .picture")) {
    near.unobserve(picture);
    near.observe(picture);
  }
}

// Other colours: of the system, or of the page's switch.
const redraw = () => [...live.values()].forEach(draw);
for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"]) {
  matchMedia(query).addEventListener("change", redraw);
}
new MutationObserver(redraw).observe(document.documentElement, {
  attributeFilter: ["data-theme", "data-contrast"],
});
forced.addEventListener("change", () => {
  [...live.values()].forEach(stop);
  watch();
});

// Escape takes the tooltip away until the pointer leaves the chart.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const { chart, element } of live.values()) {
    if (!chart || !element.matches(":hover")) continue;
    const tip = element.querySelector(".chart-tip");
    // ECharts keeps a tooltip on which the pointer is.
    tip?.dispatchEvent(new MouseEvent("mouseleave"));
    chart.dispatchAction({ type: "hideTip" });
    if (tip) tip.style.display = "none";
    chart.setOption({ tooltip: { show: false } });
    const again = () => chart.isDisposed() || chart.setOption({ tooltip: { show: true } });
    element.addEventListener("pointerleave", again, { once: true });
  }
});

watch();
