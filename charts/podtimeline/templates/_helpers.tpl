{{- define "podtimeline.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "podtimeline.fullname" -}}
{{- $name := include "podtimeline.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "podtimeline.selectorLabels" -}}
app.kubernetes.io/name: {{ include "podtimeline.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "podtimeline.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: podtimeline
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "podtimeline.labels" -}}
{{ include "podtimeline.selectorLabels" . }}
{{ include "podtimeline.commonLabels" . }}
{{- end }}

{{- define "podtimeline.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "podtimeline.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "podtimeline.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- printf "%s:%s" .Values.image.repository $tag }}{{ with .Values.image.digest }}{{ printf "@%s" . }}{{ end }}
{{- end }}

{{- define "podtimeline.metricsPort" -}}
{{- .Values.config.listen | splitList ":" | last }}
{{- end }}

{{- define "podtimeline.apiPort" -}}
{{- .Values.config.api_listen | splitList ":" | last }}
{{- end }}

{{- define "podtimeline.inMemory" -}}
{{- if eq .Values.config.history "sqlite::memory:" }}true{{ end }}
{{- end }}

{{/* The file of the history, which needs a volume; empty where it is kept elsewhere. */}}
{{- define "podtimeline.historyFile" -}}
{{- if and (hasPrefix "sqlite:" .Values.config.history) (not (include "podtimeline.inMemory" .)) }}
{{- trimPrefix "sqlite:" .Values.config.history }}
{{- end }}
{{- end }}

{{- define "podtimeline.claim" -}}
{{- default (include "podtimeline.fullname" .) .Values.persistence.existingClaim }}
{{- end }}

{{/* What the operator reads in namespaces. It never writes: get, list and watch are all it may ever ask for. */}}
{{- define "podtimeline.rules" -}}
- apiGroups: [""]
  resources: [pods, events, services, persistentvolumeclaims]
  verbs: [get, list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [replicasets, deployments, statefulsets, daemonsets]
  verbs: [get, list, watch]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get, list, watch]
{{- end }}

{{/* What it reads that is in no namespace. */}}
{{- define "podtimeline.clusterRules" -}}
- apiGroups: [""]
  resources: [nodes, namespaces]
  verbs: [get, list, watch]
- apiGroups: [storage.k8s.io]
  resources: [volumeattachments]
  verbs: [get, list, watch]
{{- end }}

{{/* Whom the API may answer is asked of the API server, which keeps nothing of it. */}}
{{- define "podtimeline.reviewRules" -}}
- apiGroups: [authentication.k8s.io]
  resources: [tokenreviews]
  verbs: [create]
- apiGroups: [authorization.k8s.io]
  resources: [subjectaccessreviews]
  verbs: [create]
{{- end }}

{{/* Not the selector labels: the Service must never send requests to the pod of `helm test`. */}}
{{- define "podtimeline.testLabels" -}}
app.kubernetes.io/name: {{ printf "%s-test" (include "podtimeline.name" . | trunc 58 | trimSuffix "-") }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
