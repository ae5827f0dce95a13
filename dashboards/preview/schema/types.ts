// The types that the dashboards are held against: a document, a panel, and for each kind of panel its options and the
// custom options of its fields, those of Grafana 12; document and panel as Grafana 13 declares them, too, and its resources.
// Grafana declares none for the list of alerts and for queries of Prometheus.

import type { Dashboard, Panel, RowPanel } from "../node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen";
import type { Options as BarGauge } from "../node_modules/@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen";
import type { FieldConfig as HeatmapField, Options as Heatmap } from "../node_modules/@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/types.gen";
import type { Options as Logs } from "../node_modules/@grafana/schema/dist/types/raw/composable/logs/panelcfg/x/types.gen";
import type { Options as Stat } from "../node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen";
import type { FieldConfig as StateTimelineField, Options as StateTimeline } from "../node_modules/@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen";
import type { FieldConfig as TableField, Options as Table } from "../node_modules/@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen";
import type { FieldConfig as TimeSeriesField, Options as TimeSeries } from "../node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen";
import type { Options as BarGauge13 } from "../node_modules/@grafana/schema-13/dist/types/raw/composable/bargauge/panelcfg/x/types.gen";
import type { FieldConfig as HeatmapField13, Options as Heatmap13 } from "../node_modules/@grafana/schema-13/dist/types/raw/composable/heatmap/panelcfg/x/types.gen";
import type { Options as Logs13 } from "../node_modules/@grafana/schema-13/dist/types/raw/composable/logs/panelcfg/x/types.gen";
import type { Options as Stat13 } from "../node_modules/@grafana/schema-13/dist/types/raw/composable/stat/panelcfg/x/types.gen";
import type { FieldConfig as StateTimelineField13, Options as StateTimeline13 } from "../node_modules/@grafana/schema-13/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen";
import type { FieldConfig as TableField13, Options as Table13 } from "../node_modules/@grafana/schema-13/dist/types/raw/composable/table/panelcfg/x/types.gen";
import type { FieldConfig as TimeSeriesField13, Options as TimeSeries13 } from "../node_modules/@grafana/schema-13/dist/types/raw/composable/timeseries/panelcfg/x/types.gen";
import type { Spec as SpecV2 } from "../node_modules/@grafana/schema-13/dist/types/schema/dashboard/v2/types.spec.gen";
import type { Spec as SpecV2Beta1 } from "../node_modules/@grafana/schema-13/dist/types/schema/dashboard/v2beta1/types.spec.gen";
import type { Dashboard as Dashboard13, Panel as Panel13, RowPanel as RowPanel13 } from "../node_modules/@grafana/schema-13/dist/types/raw/dashboard/x/types.gen";

export type TheDashboard = Dashboard;
export type ThePanel = Panel;
export type TheRow = RowPanel;
export type TheDashboard13 = Dashboard13;
export type ThePanel13 = Panel13;
export type TheRow13 = RowPanel13;
export type v2 = SpecV2;
export type v2beta1 = SpecV2Beta1;
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
export type BarGaugePanelOptions13 = BarGauge13;
export type HeatmapPanelOptions13 = Heatmap13;
export type HeatmapPanelFields13 = HeatmapField13;
export type LogsPanelOptions13 = Logs13;
export type StatPanelOptions13 = Stat13;
export type StateTimelinePanelOptions13 = StateTimeline13;
export type StateTimelinePanelFields13 = StateTimelineField13;
export type TablePanelOptions13 = Table13;
export type TablePanelFields13 = TableField13;
export type TimeSeriesPanelOptions13 = TimeSeries13;
export type TimeSeriesPanelFields13 = TimeSeriesField13;
