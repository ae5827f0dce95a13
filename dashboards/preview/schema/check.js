// Holds every dashboard against the types that Grafana 12 and 13 declare for it: a misspelt key or a value that is none is a
// fault. `node schema/check.js [FOLDER…]`: without a folder those that are checked in, else further forms of them, which
// dashboards/source/generate.py writes.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

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
const OF_DOCUMENTS = ["refId", "editorMode", "expr", "useValueForTime", "titleFormat", "textFormat", "definition"];
const UNDECLARED = {
  TheDashboard: OF_DOCUMENTS,
  TheDashboard13: OF_DOCUMENTS,
  StateTimelinePanelFields: ["spanNulls"],
  StateTimelinePanelFields13: ["spanNulls"],
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

/** Resources are not filled: what their types demand must be there. */
function validator(type, isStrict) {
  const schema = () => generator.createSchema(type);
  if (!compiled.has(type)) compiled.set(type, ajv.compile(isStrict ? schema() : relaxed(schema())));
  return compiled.get(type);
}

function faults(type, value, where, isStrict = false) {
  const validate = validator(type, isStrict);
  if (validate(value)) return [];
  return validate.errors
    .filter(({ keyword }) => !["anyOf", "oneOf"].includes(keyword))
    .filter(({ params }) => !UNDECLARED[type]?.includes(params.additionalProperty))
    .map(({ instancePath, message, params }) => `${where}: ${type}${instancePath}: ${message} ${JSON.stringify(params)}`);
}

/** A type as Grafana 12 declares it, and as 13 does. */
const both = (type) => [type, `${type}13`];

/** The custom options of a panel's fields, its own and those of its overrides. */
function custom({ fieldConfig: { defaults, overrides } }) {
  const overridden = overrides.flatMap(({ properties }) => properties).filter(({ id }) => id.startsWith("custom."));
  return [defaults.custom ?? {}, ...overridden.map(({ id, value }) => ({ [id.slice("custom.".length)]: value }))];
}

function ofPanel(panel, where) {
  const [options, fields] = KINDS[panel.type] || [];
  return [
    ...both("ThePanel").flatMap((type) => faults(type, panel, where)),
    ...(options ? both(options).flatMap((type) => faults(type, panel.options, where)) : []),
    ...(fields ? both(fields).flatMap((type) => custom(panel).flatMap((one) => faults(type, one, where))) : []),
  ];
}

function ofClassic({ panels, __inputs, __elements, __requires, ...frame }, name) {
  const rows = panels.filter(({ type }) => type === "row");
  const all = [...panels.filter(({ type }) => type !== "row"), ...rows.flatMap((row) => row.panels)];
  return [
    ...both("TheDashboard").flatMap((type) => faults(type, frame, name)),
    ...rows.flatMap((row) => both("TheRow").flatMap((type) => faults(type, { ...row, panels: [] }, `${name}: ${row.title}`))),
    ...all.flatMap((panel) => ofPanel(panel, `${name}: ${panel.title}`)),
  ];
}

/** What a resource refers to must be there: each element has one place. */
function places({ elements, layout }, name) {
  const placed = layout.spec.rows.flatMap(({ spec }) => spec.layout.spec.items.map((item) => item.spec.element.name)).sort();
  const present = Object.keys(elements).sort();
  return JSON.stringify(placed) === JSON.stringify(present) ? [] : [`${name}: ${present.length} elements, ${placed.length} places`];
}

function ofResource({ apiVersion, kind, metadata, spec }, name) {
  const version = apiVersion.replace("dashboard.grafana.app/", "");
  const named = kind === "Dashboard" && `${metadata.name}.json` === name ? [] : [`${name}: ${kind} ${metadata.name}`];
  return [...named, ...faults(version, spec, name, true), ...places(spec, name)];
}

function ofFile(path, name) {
  const document = JSON.parse(readFileSync(path, "utf8"));
  return document.apiVersion ? ofResource(document, name) : ofClassic(document, name);
}

const folders = process.argv.length > 2 ? process.argv.slice(2) : [DASHBOARDS];
const files = folders.flatMap((folder) => readdirSync(folder).map((name) => [join(folder, name), name])).filter(([, name]) => name.endsWith(".json"));
const found = [...new Set(files.flatMap(([path, name]) => ofFile(path, name)))];
for (const fault of found) console.error(fault);
console.log(`${files.length} dashboards, ${found.length} faults against the schema of Grafana`);
process.exitCode = found.length || !files.length ? 1 : 0;
