import { getDisplayValueAlignmentFactors, getFieldDisplayValues } from "@grafana/data";
import { BigValue, DataLinksContextMenu, VizRepeater } from "@grafana/ui";

/** Tiles with a value, its name, or both; `data-alarm` says whether one is orange or red. */
export function Stat({ data, configuration, options, width, height, theme }) {
  const values = () => getFieldDisplayValues({ ...configuration, data, reduceOptions: options.reduceOptions, sparkline: false });
  const tile = ({ value, alignmentFactors, orientation, width, height, count }, linked) => (
    <BigValue
      value={value.display}
      {...{ alignmentFactors, count, width, height, theme }}
      parentOrientation={orientation}
      colorMode={options.colorMode}
      graphMode={options.graphMode}
      justifyMode={options.justifyMode}
      textMode={options.textMode}
      text={options.text}
      disableWideLayout={!options.wideLayout}
      onClick={linked?.openMenu}
      className={linked?.targetClassName}
    />
  );
  const linked = (properties) => {
    const { hasLinks, getLinks } = properties.value;
    if (!hasLinks || !getLinks) return tile(properties);
    return <DataLinksContextMenu links={getLinks} style={{ flexGrow: 1 }}>{(menu) => tile(properties, menu)}</DataLinksContextMenu>;
  };
  const bad = ["orange", "red"].map((name) => theme.visualization.getColorByName(name).toLowerCase());
  const alarm = options.colorMode === "background" && values().some(({ display }) => bad.includes(display.color?.toLowerCase()));
  return (
    <div data-alarm={alarm}>
      <VizRepeater
        getValues={values}
        getAlignmentFactors={getDisplayValueAlignmentFactors}
        renderValue={linked}
        source={data}
        renderCounter={0}
        itemSpacing={3}
        autoGrid
        orientation={options.orientation}
        {...{ width, height }}
      />
    </div>
  );
}
