// First contentful paint of the leaderboard, and what it and a run page transfer, as one line of
// JSON. Usage: node paint.mjs BASE_URL RUN_PATH
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const TIMES = 5;

const [base, runPath] = process.argv.slice(2);
const require = createRequire(join(process.env.TOKMARK_TEST_BROWSER, "package.json"));
const { chromium } = (await import(pathToFileURL(require.resolve("playwright-core")).href)).default;

const browser = await chromium.launch({
  executablePath: process.env.TOKMARK_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

// A page in a context of its own, whose cache is empty. `count` is an expression.
async function visit(path, count) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  let bytes = 0;
  devtools.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
  await devtools.send("Network.enable");
  const answer = await page.goto(base + path, { waitUntil: "networkidle" });
  if (!answer.ok()) throw new Error(`${path} was answered with ${answer.status()}`);
  const read = async (expression) => {
    const found = await devtools.send("Runtime.evaluate", { expression, returnByValue: true });
    if (found.exceptionDetails) throw new Error(found.exceptionDetails.text);
    return found.result.value;
  };
  // The entry may come some frames after the page was loaded.
  const entry = 'performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null';
  let paint = await read(entry);
  for (let tries = 0; paint === null && tries < 100; tries++) {
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    paint = await read(entry);
  }
  if (paint === null) throw new Error(`${path} was never painted`);
  const n = await read(count);
  await context.close();
  return { paint_ms: paint, bytes, n };
}

try {
  const leaderboard = [];
  for (let time = 0; time < TIMES; time++) {
    leaderboard.push(await visit("/leaderboard", 'document.querySelectorAll("tbody tr").length'));
  }
  const run = await visit(runPath, 'document.querySelectorAll("[data-chart]").length');
  process.stdout.write(`${JSON.stringify({ leaderboard, run })}\n`);
} finally {
  await browser.close();
}
