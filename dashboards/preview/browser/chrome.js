// The browser, and a page once it has drawn all it will.

import { chromium } from "playwright-core";

const PROGRAM = process.env.CHROMIUM || "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

export const LIMIT_MS = 60_000;

export const launch = () => chromium.launch({ executablePath: PROGRAM, args: FLAGS });

/** Waits until the frame of the page stands and none of its panels is loading. */
export async function settled(tab) {
  await tab.waitForSelector("[data-page]", { timeout: LIMIT_MS });
  await tab.waitForFunction(() => !document.querySelector('[data-outcome="loading"]'), null, { timeout: LIMIT_MS });
}

/** Gives the tab the height of its page: tables draw only what is in sight. */
export async function unrolled(tab, width) {
  const height = await tab.evaluate(() => document.documentElement.scrollHeight);
  await tab.setViewportSize({ width, height });
  const tables = '[data-kind="table"][data-outcome="drawn"]';
  await tab.waitForFunction(
    (tables) => [...document.querySelectorAll(tables)].every((table) => table.querySelector('[role="gridcell"]')), tables, { timeout: LIMIT_MS },
  );
  // Cells that came with the last size are painted with the frame after the next.
  await tab.evaluate(() => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))));
}
