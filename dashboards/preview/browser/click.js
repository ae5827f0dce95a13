// Follows links in Chromium: `node browser/click.js URL QUERY PAGE PANEL>PAGE[>TEXT]…`. Each step clicks the first link of the
// panel that leads to this page, or that of the row of a table with this text, and prints where it is then, one JSON object a
// line: the step, the page, its variables, and the panels of the page that were drawn and that failed.

import { LIMIT_MS, launch, settled, unrolled } from "./chrome.js";

const WIDTH = 1600;

/** The address of the page in parts. */
function place(address) {
  const { pathname, searchParams } = new URL(address);
  const variables = [...searchParams].filter(([name]) => name.startsWith("var-"));
  return { page: pathname.split("/").at(-1), variables: Object.fromEntries(variables) };
}

async function click(tab, step) {
  const [panel, page, text] = step.split(">");
  const within = tab.locator(`[data-title="${panel}"]`);
  const rows = text ? within.locator('[role="row"]', { hasText: text }) : within;
  const before = tab.url();
  await rows.locator(`a[href*="/d/pg-suite-${page}?"]`).first().click({ timeout: LIMIT_MS });
  await tab.waitForURL((url) => url.href !== before, { timeout: LIMIT_MS });
}

/** The titles of the panels that had this outcome. */
async function titles(tab, outcome) {
  return tab.locator(`[data-outcome="${outcome}"]`).evaluateAll((panels) => panels.map((panel) => panel.dataset.title));
}

async function main([url, query, page, ...steps]) {
  const browser = await launch();
  try {
    const tab = await browser.newPage({ viewport: { width: WIDTH, height: 1000 } });
    await tab.goto(`${url}/d/pg-suite-${page}?${query}`);
    for (const step of steps) {
      await settled(tab);
      await unrolled(tab, WIDTH);
      await click(tab, step);
      await settled(tab);
      console.log(JSON.stringify({ step, ...place(tab.url()), drawn: await titles(tab, "drawn"), failed: await titles(tab, "error") }));
    }
  } finally {
    await browser.close();
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
