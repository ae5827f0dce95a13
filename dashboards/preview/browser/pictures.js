// Takes the pictures of docs/screenshots in Chromium: `node browser/pictures.js URL FOLDER QUERY STATE`. STATE is one of
// those below: what goes on in the time range of the query. A picture is FOLDER/PAGE-STATE.png, or PAGE-STATE-phone.png.

import { execFileSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { launch, settled, unrolled } from "./chrome.js";

/** Widths in pixels, and what is behind the state in the name of the picture. */
const DESKTOP = [1600, ""];
const PHONE = [390, "-phone"];
/** Colors that pngquant leaves, which are enough for a page without a photograph. */
const COLORS = "96";

/** Pictures of a page: from its top, or from the row with this title on, so many pixels high. */
const desktop = (page, height, row) => ({ page, size: DESKTOP, height, row });
const phone = (page, height, row) => ({ page, size: PHONE, height, row });

const STATES = {
  healthy: [
    desktop("overview", 1075), desktop("cluster", 1325), desktop("instance", 1165), desktop("activity", 1010), desktop("query", 1010),
    desktop("database", 1100), desktop("replication", 1010), desktop("settings", 1320), desktop("tuning", 745),
    phone("overview", 1300), phone("cluster", 1300, "DB load"), phone("instance", 1300), phone("activity", 1300, "Sessions"),
  ],
  "pile-up": [
    desktop("overview", 1075), desktop("cluster", 910), desktop("instance", 810), desktop("activity", 1010),
    phone("overview", 1300), phone("cluster", 1300, "DB load"), phone("instance", 1300, "DB load and top queries"),
    phone("activity", 900, "DB load and blocked sessions"),
  ],
  broken: [desktop("overview", 1075), desktop("replication", 1010), desktop("pgbouncer", 1010), desktop("backup", 1010)],
  slow: [desktop("overview", 1075), desktop("instance", 810), desktop("serverlog", 1010), desktop("query", 2950), desktop("activity", 1010)],
  unlabeled: [desktop("overview", 450), phone("overview", 1300)],
  plain: [
    desktop("overview", 1600), desktop("cluster", 910), desktop("instance", 810), desktop("activity", 1010),
    phone("overview", 1300), phone("instance", 1300),
  ],
};

/** Where the picture begins. */
async function top(tab, row) {
  if (!row) return 0;
  const { y } = await tab.locator("button", { hasText: row }).first().boundingBox();
  return Math.floor(y);
}

async function take(browser, url, folder, query, state, { page, size: [width, suffix], height, row }) {
  const tab = await browser.newPage({ viewport: { width, height: 1000 } });
  try {
    await tab.goto(`${url}/d/pg-suite-${page}?${query}`);
    await settled(tab);
    await unrolled(tab, width);
    const y = await top(tab, row);
    const path = join(folder, `${page}-${state}${suffix}.png`);
    await tab.screenshot({ path, clip: { x: 0, y, width, height: Math.min(height, tab.viewportSize().height - y) } });
    execFileSync("pngquant", ["--force", "--strip", "--speed", "1", "--output", path, COLORS, path]);
  } finally {
    await tab.close();
  }
}

async function main([url, folder, query, state]) {
  await mkdir(folder, { recursive: true });
  const browser = await launch();
  try {
    for (const one of STATES[state]) await take(browser, url, folder, query, state, one);
  } finally {
    await browser.close();
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
