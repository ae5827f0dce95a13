// One panel: asks, transforms, draws. Its element says in `data-outcome` what came of it: loading, drawn, empty or error.

import { applyFieldOverrides, cacheFieldDisplayNames, LoadingState, transformDataFrame } from "@grafana/data";
import { PanelChrome } from "@grafana/ui";
import { Component, useEffect, useState } from "react";
import { firstValueFrom } from "rxjs";

import { fieldOptions } from "./grafana.js";
import { inLink, inQuery } from "./interpolate.js";
import { AlertList } from "./panels/AlertList.jsx";
import { BarGauge } from "./panels/BarGauge.jsx";
import { Graph } from "./panels/Graph.jsx";
import { Heatmap } from "./panels/Heatmap.jsx";
import { Stat } from "./panels/Stat.jsx";
import { StateTimeline } from "./panels/StateTimeline.jsx";
import { Table } from "./panels/Table.jsx";
import { alerts, frames } from "./prometheus.js";
import { resolution } from "./time.js";

const KINDS = { bargauge: BarGauge, heatmap: Heatmap, stat: Stat, "state-timeline": StateTimeline, table: Table, timeseries: Graph };

const seconds = (text) => Number.parseInt(text, 10) * { s: 1, m: 60, h: 3600 }[text.at(-1)];

/** The frames of all targets, transformed; alerts for a list of them; nothing for the log store, which the preview has not. */
async function ask(panel, { variables, range, scrapeInterval, fixedStep, width }) {
  if (panel.type === "alertlist") return { alerts: await alerts() };
  const targets = panel.targets.filter(({ datasource }) => datasource.type === "prometheus");
  const each = targets.map((target) => {
    const minStep = target.interval || panel.interval;
    const { step, rateWindow } = fixedStep
      ? resolution(range, width, fixedStep, fixedStep)
      : resolution(range, width, minStep && seconds(minStep), scrapeInterval);
    const builtIn = { __rate_interval: `${rateWindow}s`, __interval: `${step}s`, __range: `${range.to.diff(range.from, "seconds")}s` };
    return frames(target, inQuery(target.expr, variables, builtIn), { range, step, isAlone: targets.length === 1 });
  });
  const found = (await Promise.all(each)).flat();
  return { frames: await firstValueFrom(transformDataFrame(panel.transformations || [], found)) };
}

function isEmpty(found) {
  if (found.alerts) return false;
  return !found.frames.some((frame) => frame.length > 0 && frame.fields.some(({ type, values }) => type === "number" && values.some((value) => !Number.isNaN(value) && value !== null)));
}

function useAnswer(panel, page) {
  const [answer, setAnswer] = useState(null);
  useEffect(() => {
    ask(panel, page).then(setAnswer, (error) => setAnswer({ error: error.message }));
  }, [panel]);
  return answer;
}

/** A panel in its frame. */
export function Panel({ panel, width, height, ...page }) {
  const answer = useAnswer(panel, { ...page, width });
  const [broken, setBroken] = useState(null);
  const error = answer?.error || broken;
  const outcome = error ? "error" : !answer ? "loading" : isEmpty(answer) ? "empty" : "drawn";
  return (
    <div data-panel={panel.id} data-kind={panel.type} data-title={panel.title} data-outcome={outcome} data-message={error}>
      <PanelChrome title={panel.title} description={panel.description} width={width} height={height} statusMessage={error} loadingState={answer ? LoadingState.Done : LoadingState.Loading}>
        {(innerWidth, innerHeight) =>
          answer && !error && (
            <Guard onError={setBroken}>
              <Drawn {...{ panel, answer, outcome, ...page }} width={innerWidth} height={innerHeight} />
            </Guard>
          )
        }
      </PanelChrome>
    </div>
  );
}

/** The panel's kind with its fields as the dashboard configures them. */
function Drawn({ panel, answer, outcome, variables, range, theme, marks, width, height }) {
  const [canvas, size] = [{ width, height }, { theme, range, marks, options: panel.options }];
  if (answer.alerts) return <AlertList alerts={answer.alerts} {...canvas} {...size} />;
  const replaceVariables = (text, scoped) => inLink(text, variables, range, scoped?.__dataContext?.value);
  const configuration = { fieldConfig: panel.fieldConfig, replaceVariables, theme, timeZone: "utc" };
  const Kind = KINDS[panel.type];
  if (!Kind || (outcome === "empty" && !["stat", "bargauge"].includes(panel.type))) return <Message {...canvas} theme={theme}>{panel.fieldConfig.defaults.noValue}</Message>;
  const data = applyFieldOverrides({ ...configuration, data: answer.frames, fieldConfigRegistry: fieldOptions });
  cacheFieldDisplayNames(data);
  return <Kind data={data} configuration={configuration} {...canvas} {...size} />;
}

function Message({ width, height, theme, children }) {
  const style = { width, height, display: "flex", alignItems: "center", justifyContent: "center", textAlign: "center", color: theme.colors.text.secondary };
  return <div style={style}>{children}</div>;
}

class Guard extends Component {
  state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  componentDidCatch(error) {
    this.props.onError(error.message);
  }

  render() {
    return this.state.failed ? null : this.props.children;
  }
}
