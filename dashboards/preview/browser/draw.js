// Draws pages in Chromium: `node browser/draw.js URL FOLDER QUERY [UID…]`. A picture of each goes to FOLDER/UID.png, and what
// became of each panel to standard output, one JSON object a line: page, panel, outcome (drawn, empty, error), message, and
// alarm, whether it is a tile in orange or red. PREVIEW_WIDTH is the width in pixels.

import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";

import { launch, settled, unrolled } from "./chrome.js";

const DASHBOARDS = new URL("../..", import.meta.url).pathname;
const WIDTH = Number(process.env.PREVIEW_WIDTH || 1600);
const TABS = 3;

async function uids() {
  const names = await readdir(DASHBOARDS);
  return names.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -".json".length)).sort();
}

/** What the panels of the page say of themselves, once none is loading. */
async function outcomes(tab) {
  await settled(tab);
  return tab.evaluate(() => {
    const frame = document.querySelector("[data-page]");
    const failed = frame.dataset.page === "failed" ? frame.textContent : frame.dataset.error;
    const panels = [...document.querySelectorAll("[data-panel]")].map((panel) => ({
      panel: panel.dataset.title,
      outcome: panel.dataset.outcome,
      message: panel.dataset.message,
      alarm: panel.querySelector('[data-alarm="true"]') !== null,
    }));
    return failed ? [{ panel: "(the page)", outcome: "error", message: failed }, ...panels] : panels;
  });
}

async function draw(browser, url, folder, query, uid) {
  const tab = await browser.newPage({ viewport: { width: WIDTH, height: 1000 } });
  const errors = [];
  tab.on("pageerror", (error) => errors.push({ panel: "(the page)", outcome: "error", message: error.message }));
  try {
    await tab.goto(`${url}/d/${uid}?${query}`);
    const found = [...(await outcomes(tab)), ...errors];
    await unrolled(tab, WIDTH);
    await tab.screenshot({ path: join(folder, `${uid}.png`), fullPage: true });
    for (const one of found) console.log(JSON.stringify({ page: uid, ...one }));
  } finally {
    await tab.close();
  }
}

async function main([url, folder, query, ...wanted]) {
  await mkdir(folder, { recursive: true });
  const left = wanted.length ? wanted : await uids();
  const browser = await launch();
  const work = async () => {
    for (let uid = left.shift(); uid; uid = left.shift()) await draw(browser, url, folder, query, uid);
  };
  try {
    await Promise.all(Array.from({ length: TABS }, work));
  } finally {
    await browser.close();
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
