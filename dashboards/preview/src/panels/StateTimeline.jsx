import { FieldType, getFieldDisplayName } from "@grafana/data";

const AXIS = 22;
const LEGEND = 24;

/** Stretches of time with the same text; a gap longer than `spanNulls` ends one. */
function stretches(times, field, step) {
  const found = [];
  const longest = Math.max(step, Number(field.config.custom?.spanNulls) || 0);
  times.forEach((time, at) => {
    const { text, color } = field.display(field.values[at]);
    const last = found.at(-1);
    if (last && time - last.end <= longest && last.text === text) last.end = time + step;
    else found.push({ begin: time, end: time + step, text, color });
  });
  return found;
}

function bands(data) {
  return data.flatMap((frame) => {
    const [{ values: times, config }] = frame.fields;
    return frame.fields
      .filter(({ type }) => type === FieldType.number)
      .map((field) => ({ name: getFieldDisplayName(field, frame, data), href: field.getLinks?.({})[0]?.href, stretches: stretches(times, field, config.interval) }));
  });
}

/** The texts of value mappings with their colours. */
function legend(data) {
  const mappings = data[0]?.fields.at(-1).config.mappings || [];
  return mappings.flatMap(({ options }) => Object.values(options));
}

/** States over time, one band for each series. */
export function StateTimeline({ data, options, range, width, height, theme }) {
  const rows = bands(data);
  const [begin, end] = [range.from.valueOf(), range.to.valueOf()];
  const left = Math.min(200, 12 + 7 * Math.max(...rows.map(({ name }) => name.length)));
  const x = (time) => left + (Math.max(0, time - begin) / (end - begin)) * (width - left);
  const bottom = height - AXIS - (options.legend.showLegend ? LEGEND : 0);
  const tall = bottom / rows.length;
  const hours = Array.from({ length: 7 }, (_, at) => begin + ((end - begin) * (at + 0.5)) / 7);
  const small = { fontSize: 12, fill: theme.colors.text.secondary };
  return (
    <div style={{ width, height }}>
      <svg width={width} height={bottom + AXIS}>
        {rows.map((row, at) => (
          <g key={row.name} transform={`translate(0 ${at * tall})`}>
            <text {...small} x={left - 8} y={tall / 2 + 4} textAnchor="end">{row.name}</text>
            {row.stretches.map(({ begin, end: until, text, color }) => (
              <g key={begin}>
                <rect x={x(begin)} width={Math.max(1, x(Math.min(until, end)) - x(begin))} y={tall * 0.05} height={tall * 0.9} fill={color} fillOpacity={0.7} />
                {x(until) - x(begin) > 8 * text.length && <text fontSize={12} fill={theme.colors.text.primary} x={x(begin) + 6} y={tall / 2 + 4}>{text}</text>}
              </g>
            ))}
          </g>
        ))}
        {hours.map((time) => (
          <text key={time} {...small} x={x(time)} y={bottom + 16} textAnchor="middle">{new Date(time).toISOString().slice(11, 19)}</text>
        ))}
      </svg>
      {options.legend.showLegend && (
        <div style={{ display: "flex", gap: 16, fontSize: 12, paddingLeft: left }}>
          {legend(data).map(({ text, color }) => (
            <span key={text}><i style={{ display: "inline-block", width: 14, height: 4, marginRight: 6, verticalAlign: "middle", background: theme.visualization.getColorByName(color) }} />{text}</span>
          ))}
        </div>
      )}
    </div>
  );
}
