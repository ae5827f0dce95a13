// The page that the address bar names: /d/UID?var-NAME=VALUE&from=now-1h&to=now&theme=light&rows=open&step=5

import "@fontsource/inter/latin-400.css";
import "@fontsource/inter/latin-500.css";
import { createTheme, EventBusSrv, ThemeContext } from "@grafana/data";
import { GlobalStyles, PanelContextProvider, PortalContainer } from "@grafana/ui";
import { createRoot } from "react-dom/client";

import { begin } from "./grafana.js";
import { Page } from "./Page.jsx";
import { scrapeInterval } from "./prometheus.js";
import { timeRange } from "./time.js";
import { load } from "./variables.js";

async function dashboard(uid) {
  const response = await fetch(`/dashboards/${uid}.json`);
  if (!response.ok) throw new Error(`no dashboard ${uid}`);
  return response.json();
}

async function page() {
  const address = new URLSearchParams(location.search);
  const document = await dashboard(location.pathname.split("/")[2] || "pg-suite-overview");
  const range = timeRange(address, document);
  await begin(range);
  return {
    address,
    document,
    range,
    variables: await load(document, address, range),
    scrapeInterval: await scrapeInterval(),
    // A server that has run for minutes has too few points at the steps that hours want.
    fixedStep: Number(address.get("step")) || null,
  };
}

async function main() {
  const mode = new URLSearchParams(location.search).get("theme") === "light" ? "light" : "dark";
  const theme = createTheme({ colors: { mode } });
  const root = createRoot(document.getElementById("root"));
  const events = { eventBus: new EventBusSrv(), canAddAnnotations: () => false };
  try {
    // Widths of labels are measured on a canvas, which does not wait for a font.
    await Promise.all([400, 500].map((weight) => document.fonts.load(`${weight} 12px Inter`)));
    const loaded = await page();
    document.title = loaded.document.title;
    root.render(
      <ThemeContext.Provider value={theme}>
        <GlobalStyles />
        <PanelContextProvider value={events}>
          <Page {...loaded} theme={theme} />
        </PanelContextProvider>
        <PortalContainer />
      </ThemeContext.Provider>,
    );
  } catch (error) {
    root.render(<pre data-page="failed">{error.message}</pre>);
  }
}

main();
