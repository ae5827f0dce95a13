{{/* The name of a target's objects. The argument of all templates here is { context, target }. */}}
{{- define "pg-exporter-suite.name" -}}
{{- printf "%s-%s" .context.Release.Name .target.name | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "pg-exporter-suite.program" -}}
{{- .target.program | default "pg-exporter" -}}
{{- end }}

{{/* What selects a target's pods; it must not change in an upgrade. */}}
{{- define "pg-exporter-suite.selector" -}}
app.kubernetes.io/name: {{ include "pg-exporter-suite.program" . }}
app.kubernetes.io/instance: {{ include "pg-exporter-suite.name" . }}
{{- end }}

{{/* cls and ins are copied to the series by the monitor. */}}
{{- define "pg-exporter-suite.labels" -}}
{{ include "pg-exporter-suite.selector" . }}
app.kubernetes.io/part-of: {{ .context.Chart.Name }}
app.kubernetes.io/version: {{ .context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .context.Release.Service }}
cls: {{ .target.cluster | default .target.name }}
ins: {{ .target.name }}
{{- end }}

{{- define "pg-exporter-suite.port" -}}
{{- ternary 9631 9630 (eq (include "pg-exporter-suite.program" .) "pgbouncer-exporter") -}}
{{- end }}

{{- define "pg-exporter-suite.server-port" -}}
{{- .target.port | default (ternary 6432 5432 (eq (include "pg-exporter-suite.program" .) "pgbouncer-exporter")) -}}
{{- end }}

{{/* A value of a connection string: in quotes, so that it may have blanks. */}}
{{- define "pg-exporter-suite.quoted" -}}
{{- printf "'%s'" (. | toString | replace "\\" "\\\\" | replace "'" "\\'") -}}
{{- end }}

{{/* Where the target is. The password is in a variable of its own. */}}
{{- define "pg-exporter-suite.conninfo" -}}
{{- $database := ternary "pgbouncer" "postgres" (eq (include "pg-exporter-suite.program" .) "pgbouncer-exporter") -}}
host={{ include "pg-exporter-suite.quoted" .target.host }} port={{ include "pg-exporter-suite.server-port" . }}
{{- printf " user=%s" (include "pg-exporter-suite.quoted" (.target.user | default "monitor")) }}
{{- printf " dbname=%s" (include "pg-exporter-suite.quoted" (.target.database | default $database)) }}
{{- with .target.sslmode }} sslmode={{ . }}{{ end }}
{{- with .target.rootCertificate }} sslrootcert={{ include "pg-exporter-suite.quoted" (printf "/etc/pg-exporter/root/%s" (.key | default "ca.crt")) }}{{ end }}
{{- if .target.clientCertificate }} sslcert=/etc/pg-exporter/client/tls.crt sslkey=/etc/pg-exporter/client/tls.key{{ end }}
{{- end }}

{{- define "pg-exporter-suite.image" -}}
{{- $program := include "pg-exporter-suite.program" . -}}
{{- $image := index .context.Values.images $program -}}
{{- $repository := required (printf "set images.%s.repository: target %s runs it" $program .target.name) $image.repository -}}
{{- printf "%s:%s" $repository ($image.tag | default .context.Chart.AppVersion) -}}
{{- end }}

{{- define "pg-exporter-suite.has-collectors" -}}
{{- if and (eq (include "pg-exporter-suite.program" .) "pg-exporter") (or .context.Values.slim .context.Values.collectors) }}yes{{ end }}
{{- end }}
