// Puts values in the places of variables, as Grafana does.

import { formattedValueToString } from "@grafana/data";

const ALL = "$__all";
const REFERENCE = /\$\{(\w+(?:\.[^:}]+)?)(?::(\w+))?\}|\$(\w+)/g;

/** The value as itself inside a regular expression inside a string. */
const escaped = (value) => value.replace(/\\/g, "\\\\\\\\").replace(/[\^$*+?.()|[\]{}]/g, "\\\\$&");

/** A variable's value inside a PromQL string. */
function matcher(variable) {
  if (variable.value === ALL && variable.allValue) return variable.allValue;
  const chosen = variable.value === ALL ? variable.options : [variable.value].flat();
  if (!variable.multi && !variable.includeAll) return chosen[0]?.replace(/["\\]/g, "\\$&") ?? "";
  return chosen.length === 1 ? escaped(chosen[0]) : `(${chosen.map(escaped).join("|")})`;
}

function parameters(variable) {
  return [variable.value].flat().map((value) => `var-${variable.name}=${encodeURIComponent(value)}`).join("&");
}

/** The query with the page's variables and the built-in ones, given by name. */
export function inQuery(text, variables, builtIn) {
  return text.replace(REFERENCE, (whole, braced, _, bare) => {
    const name = braced || bare;
    if (name in builtIn) return builtIn[name];
    return name in variables ? matcher(variables[name]) : whole;
  });
}

/** The value of `__field.labels.NAME` or `__data.fields["NAME"]` of what is clicked. */
function clicked(path, context) {
  const [, label] = /^__field\.labels\.(\w+)$/.exec(path) || [];
  if (label) return context?.field?.labels?.[label];
  const [, column] = /^__data\.fields\["(.+)"\]$/.exec(path) || [];
  const field = column && context?.frame?.fields.find(({ name, config }) => name === column || config.displayName === column);
  // Grafana takes what is shown, also where that is rounded.
  return field && formattedValueToString(field.display(field.values[context.rowIndex]));
}

/** The address with the page's variables, its time range, and what is clicked. */
export function inLink(text, variables, range, context) {
  return text.replace(REFERENCE, (whole, braced, format, bare) => {
    const name = braced || bare;
    if (name === "__url_time_range") return `from=${range.raw.from}&to=${range.raw.to}`;
    if (name in variables) return format === "queryparam" ? parameters(variables[name]) : [variables[name].value].flat().join(",");
    const value = clicked(name, context);
    return value === undefined ? whole : encodeURIComponent(value);
  });
}
