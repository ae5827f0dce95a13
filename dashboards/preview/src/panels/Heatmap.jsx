import { FieldType, getValueFormat } from "@grafana/data";

const AXIS = 22;
const LEFT = 70;

/** Buckets by their upper bound, with the count of each moment: what the cumulative ones add. */
function buckets(data) {
  const bounds = data
    .map((frame) => {
      const [time, value] = [FieldType.time, FieldType.number].map((wanted) => frame.fields.find(({ type }) => type === wanted));
      return { bound: Number(value.labels.le.replace("+Inf", "Infinity")), times: time.values, step: time.config.interval, counts: value.values };
    })
    .sort((one, other) => one.bound - other.bound);
  return bounds.map((bucket, at) => {
    const below = new Map(bounds[at - 1]?.times.map((time, index) => [time, bounds[at - 1].counts[index]]) || []);
    return { ...bucket, counts: bucket.counts.map((count, index) => Math.max(0, count - (below.get(bucket.times[index]) || 0))) };
  });
}

/** How many, by bucket and moment: the darker the more. */
export function Heatmap({ data, options, range, width, height, theme }) {
  const rows = buckets(data);
  const [begin, end] = [range.from.valueOf(), range.to.valueOf()];
  const most = Math.max(1, ...rows.flatMap(({ counts }) => counts));
  const tall = (height - AXIS) / rows.length;
  const x = (time) => LEFT + (Math.max(0, time - begin) / (end - begin)) * (width - LEFT);
  const told = (bound) => { const { text, suffix } = getValueFormat(options.yAxis.unit)(bound); return bound === Infinity ? "more" : `≤ ${text}${suffix || ""}`; };
  const small = { fontSize: 12, fill: theme.colors.text.secondary };
  return (
    <svg width={width} height={height}>
      {rows.map(({ bound, times, counts, step }, at) => {
        const y = (rows.length - 1 - at) * tall;
        return (
          <g key={bound}>
            <text {...small} x={LEFT - 8} y={y + tall / 2 + 4} textAnchor="end">{told(bound)}</text>
            {times.map((time, index) => counts[index] > options.filterValues.le && (
              <rect key={time} x={x(time)} width={Math.max(1, x(time + step) - x(time) - 1)} y={y} height={tall - 1} fill={theme.visualization.getColorByName("orange")} fillOpacity={0.15 + 0.85 * (counts[index] / most) ** options.color.exponent} />
            ))}
          </g>
        );
      })}
      {[0.1, 0.3, 0.5, 0.7, 0.9].map((share) => begin + share * (end - begin)).map((time) => (
        <text key={time} {...small} x={x(time)} y={height - 6} textAnchor="middle">{new Date(time).toISOString().slice(11, 19)}</text>
      ))}
    </svg>
  );
}
