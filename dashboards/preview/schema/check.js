// Holds every dashboard against the types that Grafana declares for it: a misspelt key or a value that is none is a fault.

import { readdirSync, readFileSync } from "node:fs";

import Ajv from "ajv";
import { createGenerator } from "ts-json-schema-generator";

const DASHBOARDS = new URL("../../", import.meta.url).pathname;
const KINDS = {
  bargauge: ["BarGaugePanelOptions"],
  heatmap: ["HeatmapPanelOptions", "HeatmapPanelFields"],
  logs: ["LogsPanelOptions"],
  stat: ["StatPanelOptions"],
  "state-timeline": ["StateTimelinePanelOptions", "StateTimelinePanelFields"],
  table: ["TablePanelOptions", "TablePanelFields"],
  timeseries: ["TimeSeriesPanelOptions", "TimeSeriesPanelFields"],
};

/** Keys that Grafana reads although its types do not declare them: of Prometheus's marks, of variables, of bands over time. */
const UNDECLARED = {
  TheDashboard: ["refId", "editorMode", "expr", "useValueForTime", "titleFormat", "textFormat", "definition"],
  StateTimelinePanelFields: ["spanNulls"],
};

const generator = createGenerator({ path: new URL("types.ts", import.meta.url).pathname, skipTypeCheck: true, additionalProperties: false });
const ajv = new Ajv({ allErrors: true, strict: false, allowUnionTypes: true });
const compiled = new Map();

/** Leaves out what must be there: Grafana fills it with defaults. */
function relaxed(schema) {
  if (Array.isArray(schema)) return schema.map(relaxed);
  if (schema === null || typeof schema !== "object") return schema;
  const kept = Object.entries(schema).filter(([key, value]) => !(key === "required" && Array.isArray(value)));
  return Object.fromEntries(kept.map(([key, value]) => [key, relaxed(value)]));
}

function validator(type) {
  if (!compiled.has(type)) compiled.set(type, ajv.compile(relaxed(generator.createSchema(type))));
  return compiled.get(type);
}

function faults(type, value, where) {
  const validate = validator(type);
  if (validate(value)) return [];
  return validate.errors
    .filter(({ keyword }) => !["anyOf", "oneOf"].includes(keyword))
    .filter(({ params }) => !UNDECLARED[type]?.includes(params.additionalProperty))
    .map(({ instancePath, message, params }) => `${where}: ${type}${instancePath}: ${message} ${JSON.stringify(params)}`);
}

/** The custom options of a panel's fields, its own and those of its overrides. */
function custom({ fieldConfig: { defaults, overrides } }) {
  const overridden = overrides.flatMap(({ properties }) => properties).filter(({ id }) => id.startsWith("custom."));
  return [defaults.custom ?? {}, ...overridden.map(({ id, value }) => ({ [id.slice("custom.".length)]: value }))];
}

function ofPanel(panel, where) {
  const [options, fields] = KINDS[panel.type] || [];
  return [
    ...faults("ThePanel", panel, where),
    ...(options ? faults(options, panel.options, where) : []),
    ...(fields ? custom(panel).flatMap((one) => faults(fields, one, where)) : []),
  ];
}

function ofDashboard(name) {
  const { panels, ...frame } = JSON.parse(readFileSync(DASHBOARDS + name, "utf8"));
  const rows = panels.filter(({ type }) => type === "row");
  const all = [...panels.filter(({ type }) => type !== "row"), ...rows.flatMap((row) => row.panels)];
  return [
    ...faults("TheDashboard", frame, name),
    ...rows.flatMap((row) => faults("TheRow", { ...row, panels: [] }, `${name}: ${row.title}`)),
    ...all.flatMap((panel) => ofPanel(panel, `${name}: ${panel.title}`)),
  ];
}

const names = readdirSync(DASHBOARDS).filter((name) => name.endsWith(".json"));
const found = [...new Set(names.flatMap(ofDashboard))];
for (const fault of found) console.error(fault);
console.log(`${names.length} dashboards, ${found.length} faults against the schema of Grafana`);
process.exitCode = found.length ? 1 : 0;
