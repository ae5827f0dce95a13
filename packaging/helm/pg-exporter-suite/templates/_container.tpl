{{/*
The container of a target's exporter, as an item of a list of containers. A chart that has this one as a dependency adds
it to a pod of its own, with the volumes below:

    containers:
      {{- include "pg-exporter-suite.container" (dict "context" $ "target" $target) | nindent 6 }}

There `.Values` are those of that chart: it has images, resources, collectors and slim, as values.yaml here.
*/}}
{{- define "pg-exporter-suite.container" -}}
- name: {{ include "pg-exporter-suite.program" . }}
  image: {{ include "pg-exporter-suite.image" . | quote }}
  imagePullPolicy: {{ .context.Values.imagePullPolicy | default "IfNotPresent" }}
  {{- with .target.args }}
  args: {{ toJson . }}
  {{- end }}
  env:
    - name: PG_EXPORTER_URL
      value: {{ include "pg-exporter-suite.conninfo" . | quote }}
    {{- with .target.passwordSecret }}
    - name: PGPASSWORD
      valueFrom:
        secretKeyRef: { name: {{ .name | quote }}, key: {{ .key | default "password" | quote }} }
    {{- end }}
    {{- if include "pg-exporter-suite.has-collectors" . }}
    - name: PG_EXPORTER_CONFIG
      value: builtin:pg,/etc/pg-exporter/own
    {{- end }}
  ports:
    - name: metrics
      containerPort: {{ include "pg-exporter-suite.port" . }}
  # Both ask whether the exporter itself answers: one whose server is down must be scraped, since it exports the reason.
  livenessProbe:
    httpGet: { path: /liveness, port: metrics }
    periodSeconds: 10
    timeoutSeconds: 5
  readinessProbe:
    httpGet: { path: /liveness, port: metrics }
    periodSeconds: 5
    timeoutSeconds: 5
  {{- with .context.Values.resources }}
  resources: {{ toJson . }}
  {{- end }}
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    capabilities: { drop: [ALL] }
    seccompProfile: { type: RuntimeDefault }
  {{- include "pg-exporter-suite.mounts" . | nindent 2 }}
{{- end }}

{{- define "pg-exporter-suite.mounts" -}}
{{- if or .target.rootCertificate .target.clientCertificate (include "pg-exporter-suite.has-collectors" .) -}}
volumeMounts:
  {{- if .target.rootCertificate }}
  - { name: root-certificate, mountPath: /etc/pg-exporter/root, readOnly: true }
  {{- end }}
  {{- if .target.clientCertificate }}
  - { name: client-certificate, mountPath: /etc/pg-exporter/client, readOnly: true }
  {{- end }}
  {{- if include "pg-exporter-suite.has-collectors" . }}
  - { name: collectors, mountPath: /etc/pg-exporter/own, readOnly: true }
  {{- end }}
{{- end }}
{{- end }}

{{/* The volumes that the container mounts. The pod needs fsGroup 65532 to let it read a client's key. */}}
{{- define "pg-exporter-suite.volumes" -}}
{{- with .target.rootCertificate }}
- name: root-certificate
  {{- if .secret }}
  secret: { secretName: {{ .secret | quote }}, items: [{ key: {{ .key | default "ca.crt" | quote }}, path: {{ .key | default "ca.crt" | quote }} }] }
  {{- else }}
  configMap: { name: {{ .configMap | quote }}, items: [{ key: {{ .key | default "ca.crt" | quote }}, path: {{ .key | default "ca.crt" | quote }} }] }
  {{- end }}
{{- end }}
{{- with .target.clientCertificate }}
- name: client-certificate
  secret: { secretName: {{ .secret | quote }}, defaultMode: 0640 }
{{- end }}
{{- if include "pg-exporter-suite.has-collectors" . }}
- name: collectors
  configMap: { name: {{ printf "%s-collectors" .context.Release.Name | quote }} }
{{- end }}
{{- end }}
