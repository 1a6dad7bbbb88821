{{- define "hub.name" -}}
{{- if contains .Chart.Name .Release.Name -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{- end -}}
{{- end }}

{{- define "hub.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "hub.labels" -}}
{{ include "hub.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "hub.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}{{ default (include "hub.name" .) .Values.serviceAccount.name }}
{{- else -}}{{ default "default" .Values.serviceAccount.name }}{{- end -}}
{{- end }}

{{- define "hub.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}

{{- define "hub.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "hub.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "hub.env" -}}
- {name: HUB_SECRETS_DIR, value: /run/secrets/hub}
{{- range $name, $value := .Values.env }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}

{{- define "hub.mounts" -}}
- {name: secrets, mountPath: /run/secrets/hub, readOnly: true}
- {name: data, mountPath: /var/lib/o2c-hub}
- {name: tmp, mountPath: /tmp}
{{- if .Values.files.existingClaim }}
- {name: files, mountPath: {{ .Values.files.mountPath }}}
{{- end }}
{{- end }}

{{- define "hub.volumes" -}}
- name: secrets
  secret:
    secretName: {{ required "existingSecret: name a Secret with hub_database_url, hub_redis_url and hub_secret_key" .Values.existingSecret }}
    defaultMode: 0440
- {name: data, emptyDir: {sizeLimit: 1Gi}}
- {name: tmp, emptyDir: {sizeLimit: 256Mi}}
{{- if .Values.files.existingClaim }}
- {name: files, persistentVolumeClaim: {claimName: {{ .Values.files.existingClaim }}}}
{{- end }}
{{- end }}

{{- define "hub.placing" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
