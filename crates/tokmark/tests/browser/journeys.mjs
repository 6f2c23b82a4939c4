// Journeys of a reader through the pages, in a real browser: by keyboard, by screen reader,
// and by the rules of axe. Usage: node journeys.mjs JOURNEY BASE_URL [TOKEN], and for files that
// commands wrote: node journeys.mjs JOURNEY FOLDER
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const [journey, place, token] = process.argv.slice(2);
const files = existsSync(place) ? await host(place) : null;
const base = files ? files.base : place;
const require = createRequire(join(process.env.TOKMARK_TEST_BROWSER, "package.json"));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { chromium } = (await load("playwright-core")).default;
const axe = await load("@axe-core/playwright");
const AxeBuilder = axe.default.default ?? axe.default;

const PAGES = [
  "/leaderboard", "/benchmarks", "/workloads", "/latency", "/engines", "/models", "/hardware",
  "/history", "/compare", "/wizard", "/jobs", "/quality", "/definitions", "/login", "/api",
];

const browser = await chromium.launch({
  executablePath: process.env.TOKMARK_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

// Pages that were asked for from elsewhere, and errors of scripts.
const trouble = [];
async function open(options = {}) {
  const context = await browser.newContext({ bypassCSP: options.bypassCSP ?? false, ...options });
  if (token && !options.anonymous) {
    await context.addCookies([{ name: "tokmark_token", value: token, url: base }]);
  }
  const page = await context.newPage();
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith("data:") && !url.startsWith("blob:")) trouble.push(`loads ${url}`);
  });
  page.on("pageerror", (error) => trouble.push(`script: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !/40\d|Not Found/.test(message.text())) trouble.push(`console: ${message.text()}`);
  });
  return page;
}

// A web host that knows nothing but files.
async function host(folder) {
  const kinds = { html: "text/html", css: "text/css", js: "text/javascript", svg: "image/svg+xml", json: "application/json", xml: "application/xml" };
  const server = createServer((request, response) => {
    let path = join(folder, decodeURIComponent(new URL(request.url, "http://host").pathname));
    if (existsSync(path) && statSync(path).isDirectory()) path = join(path, "index.html");
    if (!existsSync(path)) return response.writeHead(request.url === "/favicon.ico" ? 204 : 404).end();
    const kind = kinds[path.split(".").at(-1)] ?? "text/plain";
    return response.writeHead(200, { "content-type": `${kind}; charset=utf-8` }).end(readFileSync(path));
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const leadsOn = (name) => readFileSync(join(folder, name), "utf8").includes('http-equiv="refresh"');
  const html = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".html"));
  const pages = html.filter((name) => !leadsOn(name));
  assert.ok(pages.length > 0, `no page in ${folder}`);
  // Of pages that are made alike three.
  const alike = (name) => dirname(dirname(name));
  const few = pages.filter((name, i) => pages.slice(0, i).filter((one) => alike(one) === alike(name)).length < 3);
  const always = pages.filter((name) => /leaderboard/.test(name));
  return { base: `http://127.0.0.1:${server.address().port}`, pages: [...new Set([...few, ...always])].map((name) => `/${name}`), server };
}

async function records(page, query = "test=pp512") {
  const answer = await page.request.get(`${base}/api/benchmarks?${query}`);
  return (await answer.json()).rows;
}

async function allPages(page) {
  if (files) return files.pages;
  // Of rows that were measured alike one.
  const published = (await records(page, "kind=published")).slice(0, 2);
  const listed = [...await records(page, "limit=200"), ...published];
  const rows = [...new Map(listed.map((row) => [`${row.label} ${row.model_name}`, row])).values()];
  const addresses = [
    ...rows.map((row) => `/benchmarks/${row.id}`),
    ...rows.map((row) => `/models/${encodeURIComponent(row.model_name)}`),
    ...rows.filter((row) => row.machine_fingerprint).map((row) => `/hardware/${encodeURIComponent(row.machine_fingerprint)}`),
    ...published.length ? ["/hardware/strix-halo"] : [],
  ];
  const own = await page.request.post(`${base}/api/jobs`, {
    headers: { authorization: `Bearer ${token}`, "idempotency-key": "one for all" },
    data: { spec: { kind: "quick", model: "a.Q4_1" } },
  });
  addresses.push(`/jobs/${(await own.json()).id}`);
  return [...PAGES, ...new Set(addresses), `/compare?ids=${rows.slice(-2).map((row) => row.id)}`];
}

// Scrolls through a page until the script has drawn all of its charts.
async function drawn(page) {
  for (const chart of await page.locator("[data-chart]").all()) {
    const kind = await chart.locator(".chart-data").evaluate((data) => JSON.parse(data.textContent).drawing.kind);
    if (kind === "empty") continue;
    await chart.scrollIntoViewIfNeeded();
    await chart.and(page.locator("[data-live]")).waitFor();
  }
}

// Zero violations, in every colour scheme that a page offers.
async function accessible() {
  const modes = [
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["high contrast", { contrast: "more" }],
    ["forced colours", { forcedColors: "active" }],
  ];
  for (const [name, options] of modes) {
    const page = await open(options);
    // An unknown page, an unknown record, a query that is refused.
    const wrong = files ? [] : ["/nothing-here", "/benchmarks/ffffffff", "/leaderboard?colour=red"];
    for (const path of [...await allPages(page), ...wrong]) {
      await page.goto(base + path);
      for (const details of await page.locator("details").all()) {
        await details.evaluate((one) => { one.open = true; });
      }
      if (!options.forcedColors) await drawn(page);
      const found = await new AxeBuilder({ page })
        .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
        .analyze();
      const said = found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(" | ")}`);
      assert.deepEqual(said, [], `${path} in ${name}`);
    }
    await page.context().close();
  }
  if (files) return;
  // The switch of the page itself.
  const page = await open();
  for (const choice of ["dark", "contrast", "light"]) {
    await page.goto(`${base}/leaderboard`);
    await page.selectOption("#theme", choice);
    await page.reload();
    const found = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(found.violations.map((one) => one.id), [], `switched to ${choice}`);
  }
}

// A page of each kind that is about something, by the name of its tree.
async function pagesAbout(page) {
  const [test] = await records(page);
  const [experiment] = await records(page, "test=ab&limit=1");
  const [published] = await records(page, "kind=published&limit=1");
  const all = await records(page, "limit=200");
  const point = all.find((row) => row.label.startsWith("chat"));
  const job = await page.request.post(`${base}/api/jobs`, {
    headers: { authorization: `Bearer ${token}` },
    data: { spec: { kind: "quick", model: "a.Q4_1" } },
  });
  assert.equal(job.status(), 200, await job.text());
  return {
    "run": `/benchmarks/${test.id}`,
    "run-experiment": `/benchmarks/${experiment.id}`,
    "run-load": `/benchmarks/${point.id}`,
    "run-published": `/benchmarks/${published.id}`,
    "model": `/models/${encodeURIComponent(test.model_name)}`,
    "hardware-one": `/hardware/${encodeURIComponent(test.machine_fingerprint)}`,
    "comparison": `/compare?ids=${test.id},${all.find((row) => row.label === "tg128").id}`,
    "history-series": `/history?model=${encodeURIComponent(test.model_name)}`,
    "job": `/jobs/${(await job.json()).id}`,
  };
}

// What assistive software is given of each page; times and ids are left out.
async function trees() {
  const page = await open();
  const folder = new URL("./trees/", import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  const named = PAGES.map((path) => [path.slice(1), path]);
  for (const [name, path] of [...named, ...Object.entries(await pagesAbout(page))]) {
    await page.goto(base + path);
    await drawn(page);
    // A job says how far it is as soon as the server has told its script.
    if (await page.locator("[data-job-said]").count()) {
      await page.waitForFunction(() => document.querySelector("[data-job-said]").textContent);
    }
    const tree = (await page.locator("body").ariaSnapshot())
      .replace(/\d{4}-\d\d-\d\d( \d\d:\d\d)?/g, "TIME")
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}[0-9a-f-]*/g, "ID")
      .replaceAll(base, "BASE") + "\n";
    const file = join(folder, `${name}.yaml`);
    if (process.env.UPDATE_TREES || !existsSync(file)) {
      assert.ok(process.env.UPDATE_TREES, `${file} is missing; make it with UPDATE_TREES=1`);
      writeFileSync(file, tree);
    }
    assert.equal(tree, readFileSync(file, "utf8"), `${path} reads otherwise; UPDATE_TREES=1 takes it over`);
  }
}

// Tab until the focus stands on what `matches` takes; at most 200 steps.
async function tabTo(page, matches, what) {
  for (let step = 0; step < 200; step++) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate(matches);
    if (found) return;
  }
  assert.fail(`the keyboard does not reach ${what}`);
}

// Sorting, filtering, definitions and the theme, without a mouse.
async function keyboard() {
  const page = await open();
  await page.goto(`${base}/leaderboard`);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await tabTo(page, () => document.activeElement.matches("a.sort") && document.activeElement.textContent.startsWith("Variant"), "the heading Variant");
  await page.keyboard.press("Enter");
  await page.waitForURL(/sort=variant/);
  assert.equal(await page.locator("th[aria-sort=ascending]").first().textContent().then((text) => text.startsWith("Variant")), true);
  await tabTo(page, () => document.activeElement.id === "f-kind", "the filter Kind");
  await page.keyboard.type("measured");
  await tabTo(page, () => document.activeElement.textContent === "Filter", "the button Filter");
  await page.keyboard.press("Enter");
  await page.waitForURL(/kind=measured/);
  assert.match(page.url(), /sort=variant/);
  assert.match(await page.locator("#count").textContent(), /rows?/);
  // A definition shows on focus and can be dismissed while the focus stays.
  await tabTo(page, () => document.activeElement.matches(".term-name"), "a definition");
  const tip = page.locator(".term:focus-within .term-tip");
  assert.equal(await tip.isVisible(), true);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".term:focus-within .term-tip").isVisible(), false);
  assert.equal(await page.evaluate(() => document.activeElement.matches(".term-name")), true);
}

// Charts: drawn by the script under the name of the server's drawing, with a tooltip that stays
// and can be dismissed, in the colours of the mode; a table instead of them by keyboard,
// remembered, for all charts of all pages.
async function charts() {
  const page = await open({ reducedMotion: "reduce" });
  let weight = 0;
  page.on("requestfinished", async (request) => {
    const { responseBodySize } = await request.sizes();
    weight += responseBodySize;
  });
  const [row] = await records(page);
  await page.goto(`${base}/benchmarks/${row.id}`, { waitUntil: "networkidle" });
  assert.ok(weight > 0 && weight < 500_000, `${weight} bytes for a page with charts`);
  await drawn(page);
  const chart = page.locator("[data-chart]").first();
  await chart.scrollIntoViewIfNeeded();
  const picture = chart.locator(".picture");
  const live = chart.getByRole("img");
  assert.equal(await picture.isVisible(), true);
  assert.equal(await live.count(), 1);
  assert.match(await live.getAttribute("class"), /live-chart/);
  const title = await chart.locator("figcaption strong").textContent();
  const name = await live.ariaSnapshot();
  assert.ok(name.includes(`img "${title} `), name);
  assert.ok(await live.locator("svg path").count() > 2);
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);

  const box = await live.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.move(box.x + box.width / 2 + 3, box.y + box.height / 2);
  const tip = chart.locator(".chart-tip");
  await tip.waitFor();
  assert.match(await tip.textContent(), /\d/);
  await tip.hover();
  assert.equal(await tip.isVisible(), true);
  await page.keyboard.press("Escape");
  assert.equal(await tip.isVisible(), false);

  const background = () => live.locator("svg rect").first().getAttribute("fill");
  const light = await background();
  await page.selectOption("#theme", "dark");
  await page.waitForFunction((was) => document.querySelector(".live-chart svg rect").getAttribute("fill") !== was, light);
  await page.selectOption("#theme", "");

  await tabTo(page, () => document.activeElement.matches("[data-toggle]"), "the toggle");
  await page.keyboard.press("Enter");
  assert.equal(await picture.isVisible(), false);
  assert.equal(await chart.locator(".twin table").isVisible(), true);
  await page.reload();
  assert.equal(await picture.isVisible(), false);
  await page.locator("[data-toggle]").first().click();
  await drawn(page);
  const downloaded = page.waitForEvent("download");
  await page.getByRole("button", { name: "SVG" }).first().click();
  const svg = await downloaded;
  assert.match(svg.suggestedFilename(), /\.svg$/);
  const text = readFileSync(await svg.path(), "utf8");
  assert.ok(text.includes(`>${title}</title>`), "its name");
  assert.ok(!text.includes("tokmark-plot"), "the drawing that is shown");
  const png = page.waitForEvent("download");
  await page.getByRole("button", { name: "PNG" }).first().click();
  assert.match((await png).suggestedFilename(), /\.png$/);

  // The reader's own colours are those of the server's drawing, which stays.
  await page.emulateMedia({ forcedColors: "active" });
  await page.waitForFunction(() => !document.querySelector("[data-live]"));
  assert.equal(await picture.locator(":scope > svg").isVisible(), true);
  assert.equal(await chart.getByRole("img").count(), 1);
}

// Everything without a script.
async function plain() {
  const page = await open({ javaScriptEnabled: false });
  for (const path of await allPages(page)) {
    const answer = await page.goto(base + path);
    assert.equal(answer.status(), 200, path);
    assert.equal(await page.locator("h1").count(), 1, path);
  }
  await page.goto(`${base}/leaderboard`);
  await page.locator("a.sort").first().click();
  assert.match(page.url(), /sort=/);
}

// Lets a screen reader begin on a page; again after each address, which takes its script away.
async function listen(page) {
  const folder = dirname(require.resolve("@guidepup/virtual-screen-reader/package.json"));
  const library = readFileSync(join(folder, "lib/esm/index.browser.js"), "utf8");
  await page.addScriptTag({ type: "module", content: library.replace(/export\s*\{([^}]*)\}\s*;?/, (_, names) => {
    const own = names.split(",").map((one) => one.trim().split(/\s+as\s+/)).find((one) => one.at(-1) === "virtual");
    return `window.virtualReader = ${own[0]};`;
  }) });
  await page.waitForFunction(() => window.virtualReader);
  await page.evaluate(() => window.virtualReader.start({ container: document.body }));
}

// Goes on until the reader says what `pattern` takes, and gives that phrase.
async function hear(page, pattern) {
  const found = await page.evaluate(async (source) => {
    const reader = window.virtualReader;
    for (let step = 0; step < 1500; step++) {
      await reader.next();
      const phrase = await reader.lastSpokenPhrase();
      if (new RegExp(source, "i").test(phrase)) return phrase;
      if (phrase === "end of document") return null;
    }
    return null;
  }, pattern.source);
  if (!found) {
    const log = await page.evaluate(() => window.virtualReader.spokenPhraseLog());
    assert.fail(`the screen reader does not say ${pattern} of ${page.url()}:\n${log.slice(0, 120).join("\n")}`);
  }
  return found;
}

const act = (page) => page.evaluate(() => window.virtualReader.act());
// What the reader acts on leads to another page, which takes the reader away.
const leads = (page, address) => Promise.all([page.waitForURL(address), act(page).catch(() => {})]);

// What a screen reader says of a page, from its beginning to its end.
async function phrases(path) {
  const page = await open({ bypassCSP: true });
  await page.goto(base + path);
  await listen(page);
  const said = await page.evaluate(async () => {
    const reader = window.virtualReader;
    for (let step = 0; step < 400; step++) {
      await reader.next();
      if ((await reader.lastSpokenPhrase()) === "end of document") break;
    }
    return reader.spokenPhraseLog();
  });
  await page.context().close();
  return said.join("\n");
}

async function spoken() {
  const said = await phrases("/leaderboard");
  assert.match(said, /heading, Leaderboard, level 1/);
  assert.match(said, /navigation, Pages/);
  assert.match(said, /table/);
  assert.match(said, /status/);
}

// Sorting, filtering, the toggle and the wizard by what a screen reader says and does.
async function heard() {
  const page = await open({ bypassCSP: true });
  await page.goto(`${base}/leaderboard`);
  await listen(page);
  await hear(page, /^link, Variant/);
  await leads(page, /sort=variant/);
  await listen(page);
  await hear(page, /by variant, A to Z/);
  await hear(page, /Variant.*ascending|ascending.*Variant|sorted/);

  await page.goto(`${base}/leaderboard?sort=variant`);
  await listen(page);
  await hear(page, /combobox, Kind/);
  await page.selectOption("#f-kind", "measured");
  await hear(page, /button, Filter/);
  await leads(page, /kind=measured/);
  await listen(page);
  await hear(page, /\d+ rows?/);

  const [row] = await records(page);
  await page.goto(`${base}/benchmarks/${row.id}`);
  await listen(page);
  await hear(page, /button, Table instead of the chart.*not pressed/);
  await act(page);
  assert.equal(await page.locator("[data-toggle]").first().getAttribute("aria-pressed"), "true");
  await listen(page);
  await hear(page, /button, Table instead of the chart.*pressed/);

  await page.goto(`${base}/wizard`);
  await listen(page);
  for (const name of ["a.Q4_1", "b.Q8_0"]) {
    await hear(page, new RegExp(`checkbox, ${name.replace(".", "\\.")}`));
    await act(page);
  }
  await hear(page, /button, Estimate the duration/);
  await leads(page, /step=estimate/);
  await listen(page);
  await hear(page, /status/);
  await hear(page, /button, Measure/);
  await leads(page, /\/jobs\/[0-9a-f-]+/);
  await listen(page);
  await hear(page, /heading, Comparison of .*, level 1/);
  await hear(page, /progressbar/);
}

// A site of files sorts and filters its own tables, and says so.
async function unserved() {
  const page = await open();
  const board = files.pages.find((path) => path.endsWith("/leaderboard/index.html"));
  await page.goto(base + board);
  const first = () => page.locator("table.data tbody tr:not([hidden]) th").first().textContent();
  await tabTo(page, () => document.activeElement.getAttribute("aria-label") === "Sort by Variant", "the button that sorts");
  await page.keyboard.press("Enter");
  const ascending = await first();
  assert.equal(await page.locator("th[aria-sort=ascending]").count() > 0, true);
  assert.match(await page.locator("#count").textContent(), /sorted by Variant, ascending/);
  await page.keyboard.press("Enter");
  assert.match(await page.locator("#count").textContent(), /sorted by Variant, descending/);
  const descending = await first();
  assert.ok(ascending !== descending || (await page.locator("table.data tbody tr").count()) === 1);
  const all = await page.locator("table.data tbody tr:not([hidden])").count();
  const shown = () => page.locator("table.data tbody tr:not([hidden])").count();
  await page.locator("main input").first().fill("gemma");
  const some = await shown();
  assert.ok(some > 0 && some < all, `${some} of ${all}`);
  assert.match(await page.locator("#count").textContent(), new RegExp(`^${some} rows`));
  await page.locator("main input").first().fill("");
  // A menu takes whole values, and stays in the address.
  const menu = page.getByLabel("Quantization", { exact: true });
  const value = await menu.locator("option").nth(1).getAttribute("value");
  await menu.selectOption(value);
  const taken = await shown();
  assert.ok(taken > 0 && taken < all, `${taken} of ${all}`);
  assert.equal(new URL(page.url()).searchParams.get("quantization"), value);
  await page.reload();
  assert.equal(await shown(), taken);
  await menu.selectOption("");
  assert.equal(await shown(), all);
}

// The wizard by keyboard: choose two models, ask how long it takes, measure, see the job, cancel it.
async function wizard() {
  const page = await open();
  await page.goto(`${base}/wizard`);
  for (const n of [0, 1]) {
    await tabTo(page, `document.activeElement.id === "i-model${n}"`, `model ${n}`);
    await page.keyboard.press("Space");
  }
  await tabTo(page, () => document.activeElement.textContent === "Estimate the duration", "the button Estimate");
  await page.keyboard.press("Enter");
  await page.waitForURL(/step=estimate/);
  assert.match(await page.locator("#seen").textContent(), /measured on this machine/);
  assert.equal(await page.locator("input[name=model]:checked").count(), 2);
  await tabTo(page, () => document.activeElement.textContent === "Measure" && document.activeElement.matches("button"), "the button Measure");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/jobs\/[0-9a-f-]+/);
  await page.reload();
  assert.match(await page.locator("h1").textContent(), /Comparison of/);
  assert.equal(await page.locator("progress").count(), 1);
  await tabTo(page, () => document.activeElement.textContent === "Cancel", "the button Cancel");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => /cancel/i.test(document.querySelector("main").textContent));
}

// A job as an agent reports it: shown at once, said each tenth, and the focus stays; a reload finds
// it where it is; its agent is told of a cancel; its end is said.
async function progress() {
  const page = await open();
  const asAgent = (path, data) => page.request.post(`${base}${path}`, {
    headers: { authorization: `Bearer ${token}` }, data,
  });
  const agent = "01930000-0000-7000-8000-00000000000a";
  const spec = { kind: "quick", model: "a.Q4_1" };
  const { id } = await (await asAgent("/api/jobs", { spec })).json();
  const path = `/jobs/${id}`;
  await page.goto(base + path);
  const heard = (text) => page.waitForFunction((text) => document.querySelector("[data-job-said]").textContent === text, text);
  const shown = (text) => page.waitForFunction((text) => document.querySelector("[data-job-text]").textContent.includes(text), text);
  await heard("0 percent");
  await page.evaluate(() => {
    window.heard = [];
    const said = document.querySelector("[data-job-said]");
    new MutationObserver(() => window.heard.push(said.textContent)).observe(said, { childList: true, characterData: true, subtree: true });
  });
  await tabTo(page, () => document.activeElement.textContent === "Cancel", "the button Cancel");
  const hello = { machine: { fingerprint: "f00d" }, models: [{ name: "a.Q4_1" }], tool: { name: "tokmark", version: "0" } };
  const claimed = await (await asAgent(`/api/agents/${agent}/claim`, hello)).json();
  assert.equal(claimed.id, id);
  const report = async (share, doing) => {
    const answer = await asAgent(`/api${path}/report`, { agent, progress: { share, doing, remaining_s: 60 * (1 - share) } });
    return (await answer.json()).cancel;
  };
  for (const [share, doing] of [[0.04, "warming up"], [0.12, "pp512"], [0.15, "pp512 again"], [0.31, "tg128"]]) {
    assert.equal(await report(share, doing), false);
    await shown(`${Math.round(100 * share)} % ${doing}`);
    assert.equal(await page.locator("progress").evaluate((bar) => bar.value), Math.round(100 * share));
  }
  assert.deepEqual(await page.evaluate(() => window.heard), ["10 percent", "30 percent"]);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Cancel");
  await page.reload();
  await heard("30 percent");
  await shown("31 % tg128");
  await tabTo(page, () => document.activeElement.textContent === "Cancel", "the button Cancel");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => /being cancelled/i.test(document.querySelector("main").textContent));
  assert.equal(await report(0.35, "tg128"), true);
  await asAgent(`/api${path}/end`, { agent, outcome: "cancelled", message: null, run_id: null });
  await heard("The job is cancelled.");
}

// Files of other commands: their charts have names and tables, keys reach what scrolls, and a
// screen reader says heading and table.
async function reports() {
  const page = await open();
  for (const path of files.pages) {
    await page.goto(base + path);
    assert.equal(await page.locator("h1").count(), 1, path);
    for (const figure of await page.locator("figure").all()) {
      const title = await figure.locator("figcaption strong").textContent();
      const drawing = figure.getByRole("img").first();
      assert.ok((await drawing.ariaSnapshot()).includes(`img "${title}`), `${path}: ${title} has no name`);
      assert.ok(await figure.locator("details table").count() > 0, `${path}: ${title} has no table`);
    }
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content", path);
    if (await page.locator(".scroll").count()) await tabTo(page, () => document.activeElement.matches(".scroll"), "what scrolls");
    if (await page.locator("figure details summary").count()) {
      await tabTo(page, () => document.activeElement.matches("figure summary"), "a chart's table");
      await page.keyboard.press("Enter");
      assert.equal(await page.locator("figure details[open] table").first().isVisible(), true, path);
    }
  }
  for (const path of files.pages.filter((path) => !path.slice(1).includes("/"))) {
    const said = await phrases(path);
    assert.match(said, /heading, .*level 1/, path);
    assert.match(said, /table/, path);
  }
}

const journeys = { accessible, trees, keyboard, charts, plain, spoken, heard, wizard, progress, reports, unserved };
try {
  assert.ok(journeys[journey], `journeys: ${Object.keys(journeys).join(", ")}`);
  await journeys[journey]();
  assert.deepEqual(trouble, []);
  console.log(`${journey}: done`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await browser.close();
  files?.server.close();
}
