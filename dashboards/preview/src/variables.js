// The variables of a page: their options from Prometheus, their values from the address bar.

import { inQuery } from "./interpolate.js";
import { labelValues } from "./prometheus.js";

const ALL = "$__all";

async function options(definition, known, range) {
  if (definition.type === "datasource") return definition.query === "prometheus" ? ["prometheus"] : [];
  const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(definition.query.query);
  return labelValues(label, inQuery(selector, known, {}), range);
}

function value(definition, options, address) {
  const wanted = address.getAll(`var-${definition.name}`).filter((one) => one !== "");
  if (wanted.includes(ALL) || (!wanted.length && definition.includeAll)) return ALL;
  if (!wanted.length) return definition.multi ? options.slice(0, 1) : (options[0] ?? "");
  return definition.multi ? wanted : wanted[0];
}

/** All variables by name, each with its options and its value; one may ask with those before it. */
export async function load(dashboard, address, range) {
  const known = {};
  for (const definition of dashboard.templating.list) {
    const found = await options(definition, known, range);
    known[definition.name] = { ...definition, options: found, value: value(definition, found, address) };
  }
  return known;
}
