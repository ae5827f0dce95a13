// The time range of the page, and how densely it is asked for.

import { dateMath, rangeUtil } from "@grafana/data";

/** The range that the address bar names, else the dashboard's own. */
export function timeRange(address, dashboard) {
  const raw = { from: address.get("from") || dashboard.time.from, to: address.get("to") || dashboard.time.to };
  const moment = (text, roundUp) => dateMath.toDateTime(/^\d+$/.test(text) ? new Date(Number(text)) : text, { roundUp });
  return { from: moment(raw.from, false), to: moment(raw.to, true), raw };
}

/** Step and rate window of a query in seconds, as Grafana's Prometheus data source has them. */
export function resolution(range, points, minStep, scrapeInterval) {
  const { intervalMs } = rangeUtil.calculateInterval(range, points, `${minStep || scrapeInterval}s`);
  const step = intervalMs / 1000;
  const scrape = minStep || scrapeInterval;
  return { step, rateWindow: Math.max(step + scrape, 4 * scrape) };
}
