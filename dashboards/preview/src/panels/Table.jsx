import { TableNG } from "@grafana/ui/unstable";

/** Rows of a table; the first frame, as the transformations leave one. */
export function Table({ data, options, width, height }) {
  return (
    <TableNG
      data={data[0]}
      noHeader={!options.showHeader}
      cellHeight={options.cellHeight}
      initialSortBy={options.sortBy}
      enableVirtualization={false}
      {...{ width, height }}
    />
  );
}
