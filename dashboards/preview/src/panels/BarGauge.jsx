import { getDisplayValueAlignmentFactors, getFieldDisplayValues } from "@grafana/data";
import { BarGauge as Bar, DataLinksContextMenu, VizRepeater } from "@grafana/ui";

/** Horizontal bars, one for each value. */
export function BarGauge({ data, configuration, options, width, height, theme }) {
  const values = () => getFieldDisplayValues({ ...configuration, data, reduceOptions: options.reduceOptions });
  const bar = ({ value, alignmentFactors, orientation, width, height, count }, linked) => (
    <Bar
      value={value.display}
      field={value.field}
      display={value.view?.getFieldDisplayProcessor(value.colIndex)}
      {...{ alignmentFactors, orientation, width, height, theme }}
      text={options.text}
      itemSpacing={8}
      displayMode={options.displayMode}
      showUnfilled={options.showUnfilled}
      valueDisplayMode={options.valueMode}
      namePlacement={options.namePlacement}
      isOverflow={false}
      onClick={linked?.openMenu}
      className={linked?.targetClassName}
    />
  );
  const linked = (properties) => {
    const { hasLinks, getLinks } = properties.value;
    if (!hasLinks || !getLinks) return bar(properties);
    return <DataLinksContextMenu links={getLinks} style={{ height: properties.height }}>{(menu) => bar(properties, menu)}</DataLinksContextMenu>;
  };
  return (
    <VizRepeater
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={linked}
      source={data}
      renderCounter={0}
      itemSpacing={8}
      minVizWidth={options.minVizWidth}
      minVizHeight={options.minVizHeight}
      maxVizHeight={options.sizing === "manual" ? options.maxVizHeight : undefined}
      orientation={options.orientation}
      {...{ width, height }}
    />
  );
}
