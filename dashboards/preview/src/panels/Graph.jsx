import { FieldType } from "@grafana/data";
import { TimeSeries } from "@grafana/ui";

/** Draws the page's marks on the canvas of a plot. */
function drawMarks(plot, marks, theme) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.lineWidth = window.devicePixelRatio;
  ctx.setLineDash([5, 5]);
  for (const { time, color } of marks) {
    const x = Math.round(plot.valToPos(time, "x", true));
    ctx.strokeStyle = theme.visualization.getColorByName(color);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

/** The frame with nothing in the place of what is no number, as of 0 / 0: no axis has a place for it. */
function finite(frame) {
  const values = (field) => field.values.map((value) => (Number.isFinite(value) ? value : null));
  return { ...frame, fields: frame.fields.map((field) => (field.type === FieldType.number ? { ...field, values: values(field) } : field)) };
}

/** Lines or bars over time. */
export function Graph({ data, options, range, marks, width, height, theme }) {
  return (
    <TimeSeries frames={data.map(finite)} structureRev={1} timeRange={range} timeZone="utc" legend={options.legend} {...{ width, height, options }}>
      {(config) => {
        if (!config.hasMarks) {
          config.hasMarks = true;
          config.addHook("draw", (plot) => drawMarks(plot, marks, theme));
        }
        return null;
      }}
    </TimeSeries>
  );
}
