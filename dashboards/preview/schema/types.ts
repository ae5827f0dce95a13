// The types that the dashboards are held against: a document, a panel, and for each kind of panel its options and the
// custom options of its fields. Grafana declares none for the list of alerts and for queries of Prometheus.

import type { Dashboard, Panel, RowPanel } from "../node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen";
import type { Options as BarGauge } from "../node_modules/@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen";
import type { FieldConfig as HeatmapField, Options as Heatmap } from "../node_modules/@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/types.gen";
import type { Options as Logs } from "../node_modules/@grafana/schema/dist/types/raw/composable/logs/panelcfg/x/types.gen";
import type { Options as Stat } from "../node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen";
import type { FieldConfig as StateTimelineField, Options as StateTimeline } from "../node_modules/@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen";
import type { FieldConfig as TableField, Options as Table } from "../node_modules/@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen";
import type { FieldConfig as TimeSeriesField, Options as TimeSeries } from "../node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen";

export type TheDashboard = Dashboard;
export type ThePanel = Panel;
export type TheRow = RowPanel;
export type BarGaugePanelOptions = BarGauge;
export type HeatmapPanelOptions = Heatmap;
export type HeatmapPanelFields = HeatmapField;
export type LogsPanelOptions = Logs;
export type StatPanelOptions = Stat;
export type StateTimelinePanelOptions = StateTimeline;
export type StateTimelinePanelFields = StateTimelineField;
export type TablePanelOptions = Table;
export type TablePanelFields = TableField;
export type TimeSeriesPanelOptions = TimeSeries;
export type TimeSeriesPanelFields = TimeSeriesField;
