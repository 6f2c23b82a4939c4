// What pages do beyond links and forms. Everything here can be had without it.
"use strict";

// Colours: as the system has them, or as the reader chose.
const root = document.documentElement;
const kept = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
const keep = (name, value) => { try { localStorage.setItem(name, value); } catch { /* not kept */ } };
function colour(choice) {
  delete root.dataset.theme;
  delete root.dataset.contrast;
  if (choice === "light" || choice === "dark") root.dataset.theme = choice;
  if (choice === "contrast") { root.dataset.theme = "light"; root.dataset.contrast = "more"; }
}
colour(kept("theme"));

document.addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector("[data-theme-switch]");
  if (box) {
    const select = box.querySelector("select");
    box.hidden = false;
    select.value = kept("theme") || "";
    select.addEventListener("change", () => { keep("theme", select.value); colour(select.value); });
  }

  // Charts and their tables: one choice for all, remembered.
  const charts = [...document.querySelectorAll("[data-chart]")];
  const show = (asTable) => {
    for (const chart of charts) {
      chart.querySelector(".picture").hidden = asTable;
      chart.querySelector(".twin").open = asTable;
      chart.querySelector("[data-toggle]").setAttribute("aria-pressed", String(asTable));
    }
  };
  for (const chart of charts) {
    const toggle = document.createElement("button");
    toggle.type = "button";
    toggle.dataset.toggle = "";
    toggle.textContent = "Table instead of the chart";
    toggle.addEventListener("click", () => {
      const asTable = toggle.getAttribute("aria-pressed") !== "true";
      keep("charts", asTable ? "tables" : "charts");
      show(asTable);
    });
    chart.querySelector("figcaption").append(document.createElement("br"), toggle);
    if (chart.querySelector("svg")) download(chart);
  }
  if (charts.length) show(kept("charts") === "tables");

  // Definitions can be dismissed without moving the pointer or the focus.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const term of document.querySelectorAll(".term:hover, .term:focus-within")) {
      term.classList.add("dismissed");
      const back = () => term.classList.remove("dismissed");
      term.addEventListener("pointerleave", back, { once: true });
      term.addEventListener("focusout", back, { once: true });
    }
  });

  for (const section of document.querySelectorAll("[data-job]")) follow(section);
  const still = document.querySelector("[data-static]");
  if (still) sortAndFilter(still);
});

// A page without a server sorts and filters its own tables.
function sortAndFilter(main) {
  const tables = [...main.querySelectorAll("table.data")].filter((table) => table.tBodies.length);
  const said = main.querySelector("#count");
  const value = (row, at) => {
    const text = row.cells[at].textContent.trim();
    // A date sorts as it is written; of 405 (400-410) the figure before the bracket counts.
    if (/^\d{4}-\d{2}/.test(text)) return text;
    const number = parseFloat(text.replace(/,/g, ""));
    return /^[\d.]/.test(text) && !Number.isNaN(number) ? number : text.toLowerCase();
  };
  const known = (one) => !["", "unknown", "none", "-", "\u2013"].includes(one);
  const order = (name, ascending) => {
    for (const table of tables) {
      const heads = [...table.tHead.rows[0].cells];
      const at = heads.findIndex((head) => head.dataset.name === name);
      if (at < 0) continue;
      heads.forEach((head, i) => {
        head.toggleAttribute("aria-sort", i === at);
        if (i === at) head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      });
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => {
        const [x, y] = [value(a, at), value(b, at)];
        if (known(x) !== known(y)) return known(x) ? -1 : 1;
        const first = typeof x === typeof y ? (x < y ? -1 : x > y ? 1 : 0) : typeof x === "number" ? -1 : 1;
        return ascending ? first : -first;
      });
      table.tBodies[0].append(...rows);
    }
  };
  for (const table of tables) {
    for (const head of table.tHead.rows[0].cells) {
      const name = head.querySelector(".term-name") || head;
      head.dataset.name = name.firstChild ? name.firstChild.textContent : name.textContent;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.textContent = "\u2195";
      button.setAttribute("aria-label", `Sort by ${head.dataset.name}`);
      button.addEventListener("click", () => {
        const ascending = head.getAttribute("aria-sort") !== "ascending";
        order(head.dataset.name, ascending);
        tell(`sorted by ${head.dataset.name}, ${ascending ? "ascending" : "descending"}`);
      });
      head.append(" ", button);
    }
  }
  const tell = (how) => {
    const n = tables.reduce((sum, table) => sum + [...table.tBodies[0].rows].filter((row) => !row.hidden).length, 0);
    if (said) said.textContent = `${n} rows, ${how}`;
  };
  if (!said) return;
  const box = document.createElement("div");
  box.className = "filters";
  const given = new URLSearchParams(location.search);
  const field = (tag, id, text) => {
    const place = document.createElement("div");
    place.className = "field";
    const label = document.createElement("label");
    label.htmlFor = id;
    label.textContent = text;
    const one = document.createElement(tag);
    one.id = id;
    one.addEventListener("input", () => filter());
    place.append(label, one);
    box.append(place);
    return one;
  };
  const familyOf = (table) => {
    const group = table.closest("details.group");
    return group ? group.querySelector("h2").textContent : "";
  };
  const cellOf = (row, name) => {
    const heads = [...row.closest("table").tHead.rows[0].cells];
    const cell = row.cells[heads.findIndex((head) => head.dataset.name === name)];
    // What stands behind it in tags is no part of the name.
    return cell ? cell.firstChild ? cell.firstChild.textContent.trim() : "" : "";
  };
  const all = tables.flatMap((table) => [...table.tBodies[0].rows].map((row) => ({ table, row })));
  const menus = [
    ["family", "Family", ({ table }) => familyOf(table)],
    ["quantization", "Quantization", ({ row }) => cellOf(row, "Quantization")],
    ["hardware", "Hardware", ({ row }) => cellOf(row, "Hardware")],
    ["backend", "Back end", ({ row }) => cellOf(row, "Back end")],
    ["concurrency", "Concurrency", ({ row }) => cellOf(row, "Conc.")],
    ["grade", "Grade", ({ row }) => cellOf(row, "Grade")],
  ].map(([id, text, of]) => {
    const values = [...new Set(all.map(of))].filter(Boolean);
    if (values.length < 2) return null;
    values.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const select = field("select", `only-${id}`, text);
    for (const value of ["", ...values]) select.add(new Option(value || "any", value));
    if (values.includes(given.get(id))) select.value = given.get(id);
    return { id, select, of };
  }).filter(Boolean);
  const input = field("input", "filter", "Rows that hold all of these words");
  input.value = given.get("q") || "";
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = menus.filter((menu) => menu.select.value);
    const shown = new Map();
    for (const one of all) {
      const text = `${familyOf(one.table)} ${one.row.textContent}`.toLowerCase();
      const isTaken = words.every((word) => text.includes(word)) && chosen.every((menu) => menu.of(one) === menu.select.value);
      one.row.hidden = !isTaken;
      shown.set(one.table, (shown.get(one.table) || 0) + isTaken);
    }
    const isAsked = words.length > 0 || chosen.length > 0;
    for (const [table, n] of shown) {
      const group = table.closest("details.group");
      if (group) { group.hidden = n === 0; if (isAsked) group.open = true; }
    }
    const url = new URL(location.href);
    for (const [id, value] of [["q", input.value], ...menus.map((menu) => [menu.id, menu.select.value])]) {
      if (value) url.searchParams.set(id, value); else url.searchParams.delete(id);
    }
    history.replaceState(null, "", url);
    tell("filtered");
  };
  said.before(box);
  if (input.value || menus.some((menu) => menu.select.value)) filter();
}

// A chart as a file: the drawing that is shown.
function download(chart) {
  const name = (chart.querySelector("figcaption strong").textContent || "chart").replace(/[^\w-]+/g, "-");
  const save = (href, file) => {
    const link = document.createElement("a");
    link.href = href;
    link.download = file;
    link.click();
  };
  const still = chart.querySelector(".picture > svg");
  const drawing = () => {
    const svg = chart.querySelector(".live-chart svg") || still;
    if (svg === still) return { svg, width: svg.viewBox.baseVal.width, height: svg.viewBox.baseVal.height };
    return { svg, width: svg.width.baseVal.value, height: svg.height.baseVal.value };
  };
  const text = ({ svg, width, height }) => {
    const copy = svg.cloneNode(true);
    const shown = [svg, ...svg.querySelectorAll("*")];
    [copy, ...copy.querySelectorAll("*")].forEach((node, i) => {
      const style = getComputedStyle(shown[i]);
      for (const property of ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-family", "font-size", "font-weight", "opacity"]) {
        node.setAttribute(property, style.getPropertyValue(property));
      }
      node.removeAttribute("style");
    });
    if (svg !== still) {
      copy.setAttribute("viewBox", `0 0 ${width} ${height}`);
      copy.setAttribute("role", "img");
      copy.prepend(...[...still.querySelectorAll(":scope > title, :scope > desc")].map((node) => node.cloneNode(true)));
    }
    return new XMLSerializer().serializeToString(copy);
  };
  const button = (label, act) => {
    const one = document.createElement("button");
    one.type = "button";
    one.textContent = label;
    one.addEventListener("click", act);
    chart.querySelector("figcaption").append(" ", one);
  };
  const address = (shown) => URL.createObjectURL(new Blob([text(shown)], { type: "image/svg+xml" }));
  button("SVG", () => save(address(drawing()), `${name}.svg`));
  button("PNG", () => {
    const shown = drawing();
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas");
      canvas.width = 2 * shown.width;
      canvas.height = 2 * shown.height;
      const pen = canvas.getContext("2d");
      pen.fillStyle = getComputedStyle(document.body).backgroundColor;
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(image, 0, 0, canvas.width, canvas.height);
      save(canvas.toDataURL("image/png"), `${name}.png`);
    };
    image.src = address(shown);
  });
}

// A job goes on: shown at once, told each tenth, the focus stays where it is.
function follow(section) {
  const source = new EventSource(section.dataset.job);
  const bar = section.querySelector("progress");
  const text = section.querySelector("[data-job-text]");
  const said = section.querySelector("[data-job-said]");
  let told = -1;
  let goesOn = !/^(done|failed|cancelled)\b/.test(text.textContent);
  source.addEventListener("job", (event) => {
    const job = JSON.parse(event.data);
    const percent = Math.round(100 * job.progress.share);
    const over = ["done", "failed", "cancelled"].includes(job.state);
    bar.value = over && job.state === "done" ? 100 : percent;
    const left = job.progress.remaining_s;
    const rest = left == null || over ? "" : `, about ${Math.ceil(left)} s left`;
    text.textContent = `${job.state}: ${percent} % ${job.progress.doing}${rest}`;
    const tenth = Math.floor(percent / 10);
    if (tenth > told || over) {
      told = tenth;
      said.textContent = over ? `The job is ${job.state}.` : `${10 * tenth} percent`;
    }
    if (over) source.close();
    // A page of a job that was over before shows it already.
    if (over && goesOn) {
      const link = document.createElement("a");
      link.href = location.pathname;
      link.textContent = "Show what it found";
      section.append(link);
    }
  });
}
