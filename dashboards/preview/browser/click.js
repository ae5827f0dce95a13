// Follows links in Chromium: `node browser/click.js URL QUERY PAGE PANEL>PAGE[>TEXT]…`. Each step clicks the first link of the
// panel that leads to this page, or that one of them with this text, and prints where it is then, one JSON object a line: the
// step, the page, its variables, and the panels of the page that failed.

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
  const links = tab.locator(`[data-title="${panel}"] a[href*="/d/pg-suite-${page}?"]`);
  const before = tab.url();
  await (text ? links.filter({ hasText: text }) : links).first().click({ timeout: LIMIT_MS });
  await tab.waitForURL((url) => url.href !== before, { timeout: LIMIT_MS });
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
      const failed = await tab.locator('[data-outcome="error"]').evaluateAll((panels) => panels.map((panel) => panel.dataset.title));
      console.log(JSON.stringify({ step, ...place(tab.url()), failed }));
    }
  } finally {
    await browser.close();
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
