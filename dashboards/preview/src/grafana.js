// What Grafana fills at its start: themes, the registries of transformations and of field options, the address bar.

import * as data from "@grafana/data";
import { initPluginTranslations } from "@grafana/i18n";

/** Options of a field that panels read under `custom`, those that the dashboards set. */
const CUSTOM = [
  "align", "axisPlacement", "axisSoftMax", "axisSoftMin", "axisWidth", "cellOptions", "drawStyle", "fillOpacity", "filterable", "gradientMode", "hideFrom", "inspect",
  "lineStyle", "lineWidth", "minWidth", "showPoints", "spanNulls", "stacking", "thresholdsStyle", "transform", "width", "wrapText",
];

function option(id, process, more) {
  return { id, path: id, name: id, process, shouldApply: () => true, override: () => null, editor: () => null, ...more };
}

const STANDARD = [
  option("displayName", data.displayNameOverrideProcessor),
  option("unit", data.unitOverrideProcessor),
  option("min", data.numberOverrideProcessor),
  option("max", data.numberOverrideProcessor),
  option("decimals", data.numberOverrideProcessor),
  option("thresholds", data.thresholdsOverrideProcessor),
  option("mappings", data.valueMappingsOverrideProcessor),
  option("links", data.dataLinksOverrideProcessor),
  option("noValue", data.stringOverrideProcessor),
  option("color", data.identityOverrideProcessor),
];

/** The options of fields that panels may set. */
export const fieldOptions = new data.FieldConfigOptionsRegistry(() => [
  ...STANDARD,
  ...CUSTOM.map((id) => option(`custom.${id}`, data.identityOverrideProcessor, { path: id, isCustom: true })),
]);

/** Makes Grafana's packages usable; `range` is the time range of the page. */
export async function begin(range) {
  await initPluginTranslations("grafana");
  const known = new Map(Object.values(data.standardTransformers).map((one) => [one.id, one]));
  data.standardTransformersRegistry.setInit(() =>
    [...known.values()].map((one) => ({ id: one.id, name: one.name, transformation: one, editor: () => null })),
  );
  data.locationUtil.initialize({
    config: { appSubUrl: "" },
    getVariablesUrlParams: () => ({}),
    getTimeRangeForUrl: () => ({ from: range.raw.from, to: range.raw.to }),
  });
}
