// Prometheus: its answers as Grafana's data frames.

import { FieldType, toDataFrame } from "@grafana/data";

async function get(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) query.append(name, value);
  const response = await fetch(`/prometheus/api/v1/${path}?${query}`);
  const text = await response.text();
  if (!response.headers.get("content-type")?.includes("json")) throw new Error(`${path}: ${response.status}: ${text}`);
  const answer = JSON.parse(text);
  if (answer.status !== "success") throw new Error(`${answer.error}: ${parameters.query || parameters["match[]"] || path}`);
  return answer.data;
}

/** Seconds between two scrapes, from the server's own configuration. */
export async function scrapeInterval() {
  const { yaml } = await get("status/config", {});
  const [, amount, unit] = /scrape_interval: (\d+)(ms|s|m)/.exec(yaml) || [null, "15", "s"];
  return Number(amount) * { ms: 0.001, s: 1, m: 60 }[unit];
}

/** The values of a label among the series that match, in the time range. */
export async function labelValues(label, selector, range) {
  return get(`label/${label}/values`, { "match[]": selector, start: range.from.unix(), end: range.to.unix() });
}

/** The alerts that fire or are about to. */
export async function alerts() {
  return (await get("alerts", {})).alerts;
}

/** The series of a range query. */
export async function series(query, range, step) {
  const align = (moment) => Math.floor(moment.unix() / step) * step;
  const { result } = await get("query_range", { query, start: align(range.from), end: align(range.to), step });
  return result;
}

/** The elements of an instant query at the end of the range. */
async function vector(query, range) {
  const { resultType, result } = await get("query", { query, time: range.to.unix() });
  return resultType === "scalar" ? [{ metric: {}, value: result }] : result;
}

/** The name of a series: the legend's pattern with labels, or the labels themselves. */
export function legend(pattern, metric) {
  if (pattern && pattern !== "__auto") return pattern.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? "");
  const labels = Object.entries(metric).filter(([name]) => name !== "__name__");
  if (labels.length === 1 && pattern === "__auto") return labels[0][1];
  const told = labels.map(([name, value]) => `${name}="${value}"`).join(", ");
  return `${metric.__name__ || ""}{${told}}`;
}

function frameOfSeries({ metric, values }, target, query, step) {
  const name = legend(target.legendFormat, metric);
  return toDataFrame({
    refId: target.refId,
    meta: { type: "timeseries-multi", executedQueryString: query },
    fields: [
      { name: "Time", type: FieldType.time, values: values.map(([time]) => time * 1000), config: { interval: step * 1000 } },
      { name: "Value", type: FieldType.number, values: values.map(([, value]) => Number(value)), labels: metric, config: { displayNameFromDS: name } },
    ],
  });
}

function frameOfTable(result, target, isAlone) {
  const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: "Time", type: FieldType.time, values: result.map(({ value }) => value[0] * 1000) },
      ...labels.map((label) => ({ name: label, type: FieldType.string, values: result.map(({ metric }) => metric[label] ?? "") })),
      { name: isAlone ? "Value" : `Value #${target.refId}`, type: FieldType.number, values: result.map(({ value }) => Number(value[1])) },
    ],
  });
}

/** What a target of a panel gives: one frame for each series, or one table. */
export async function frames(target, query, { range, step, isAlone }) {
  if (!target.instant) return (await series(query, range, step)).map((one) => frameOfSeries(one, target, query, step));
  const result = await vector(query, range);
  if (target.format === "table") return result.length ? [frameOfTable(result, target, isAlone)] : [];
  return result.map(({ metric, value }) => frameOfSeries({ metric, values: [value] }, target, query, step));
}
