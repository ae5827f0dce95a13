// A dashboard: its bar of variables, its rows, and the panels at their places.

import { Icon } from "@grafana/ui";
import { useEffect, useState } from "react";

import { Panel } from "./Panel.jsx";
import { Toolbar } from "./Toolbar.jsx";
import { series } from "./prometheus.js";
import { inQuery } from "./interpolate.js";
import { resolution } from "./time.js";

const COLUMNS = 24;
const CELL = 30;
const GAP = 8;
/** Below this width Grafana stands all panels in one column. */
const NARROW = 769;

/** Rows and panels in the order of the page; a closed row hides its panels, an opened one moves what is below. */
function placed(panels, isOpen) {
  const shown = [];
  let shift = 0;
  for (const panel of panels) {
    const at = (one) => ({ ...one, gridPos: { ...one.gridPos, y: one.gridPos.y + shift } });
    shown.push(at(panel));
    if (panel.type !== "row" || !panel.collapsed || !isOpen(panel)) continue;
    shown.push(...panel.panels.map(at));
    shift += Math.max(...panel.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) - panel.gridPos.y - 1;
  }
  return shown;
}

/** One panel below the other, each as wide as the page, as Grafana places them on a telephone. */
function stacked(panels) {
  let y = 0;
  const sorted = [...panels].sort((one, other) => one.gridPos.y - other.gridPos.y || one.gridPos.x - other.gridPos.x);
  return sorted.map((panel) => {
    const gridPos = { ...panel.gridPos, x: 0, y, w: COLUMNS };
    y += gridPos.h;
    return { ...panel, gridPos };
  });
}

function useWidth() {
  const [width, setWidth] = useState(window.innerWidth);
  useEffect(() => {
    const measure = () => setWidth(window.innerWidth);
    window.addEventListener("resize", measure);
    return () => window.removeEventListener("resize", measure);
  }, []);
  return width;
}

/** The marks of a page on the time axis, with what went wrong in asking for them. */
function useMarks({ document, variables, range, scrapeInterval }) {
  const [marks, setMarks] = useState({ list: null });
  useEffect(() => {
    const asked = document.annotations.list.filter((one) => one.target?.expr && one.enable);
    const { step, rateWindow } = resolution(range, 500, null, scrapeInterval);
    const points = async (one) => {
      const found = await series(inQuery(one.target.expr, variables, { __rate_interval: `${rateWindow}s` }), range, step);
      const times = found.flatMap(({ values }) => values.map(([time, value]) => (one.useValueForTime === "on" ? Number(value) : time * 1000)));
      const inside = [...new Set(times)].filter((time) => time >= range.from.valueOf() && time <= range.to.valueOf());
      return inside.map((time) => ({ time, color: one.iconColor }));
    };
    Promise.all(asked.map(points)).then(
      (found) => setMarks({ list: found.flat() }),
      (error) => setMarks({ list: [], error: error.message }),
    );
  }, []);
  return marks;
}

/** The page; `data-page` says when its frame stands, and what its marks failed with. */
export function Page(loaded) {
  const { document, address, theme } = loaded;
  const width = useWidth();
  const marks = useMarks(loaded);
  const [opened, setOpened] = useState({});
  const isOpen = (row) => opened[row.id] ?? (!row.collapsed || address.get("rows") === "open");
  const toggle = (row) => setOpened({ ...opened, [row.id]: !isOpen(row) });

  const column = (width - 2 * GAP) / COLUMNS;
  const arranged = placed(document.panels, isOpen);
  const shown = width < theme.breakpoints.values.md ? stacked(arranged) : arranged;
  const height = Math.max(...shown.map(({ gridPos }) => gridPos.y + gridPos.h)) * (CELL + GAP);
  const place = ({ x, y, w, h }) => ({ left: x * column, top: y * (CELL + GAP), width: w * column - GAP, height: h * (CELL + GAP) - GAP });

  if (!marks.list) return null;
  return (
    <div data-page="ready" data-error={marks.error} style={{ background: theme.colors.background.canvas, color: theme.colors.text.primary, minHeight: "100vh" }}>
      <Toolbar {...loaded} />
      <div style={{ position: "relative", height, margin: GAP }}>
        {shown.map((panel) => (
          <div key={panel.id} style={{ position: "absolute", ...place(panel.gridPos) }}>
            {panel.type === "row" ? (
              <Row row={panel} isOpen={isOpen(panel)} toggle={() => toggle(panel)} theme={theme} />
            ) : (
              <Panel panel={panel} {...loaded} marks={marks.list} {...place(panel.gridPos)} />
            )}
          </div>
        ))}
      </div>
    </div>
  );
}

function Row({ row, isOpen, toggle, theme }) {
  return (
    <button onClick={toggle} style={{ all: "unset", cursor: "pointer", padding: "4px 0", fontSize: theme.typography.h5.fontSize, fontWeight: 500 }}>
      <Icon name={isOpen ? "angle-down" : "angle-right"} /> {row.title}
      {isOpen || <span style={{ color: theme.colors.text.secondary, fontSize: 12 }}> ({row.panels.length} panels)</span>}
    </button>
  );
}
