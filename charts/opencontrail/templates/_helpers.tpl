{{/* image: the one image of every program. */}}
{{- define "opencontrail.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* labels: of every object; `program` is given by the caller as (dict "root" $ "program" "workers"). */}}
{{- define "opencontrail.labels" -}}
{{ include "opencontrail.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* selector: the part of the labels that never changes. */}}
{{- define "opencontrail.selector" -}}
app.kubernetes.io/name: opencontrail
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .program }}
{{- end }}

{{/* apiServer: the API server's URL, at an address that needs no Service. */}}
{{- define "opencontrail.apiServer" -}}
https://{{ required "kubernetes.apiServer is required: host:port of the API server at an address that works without Services (the nodes have no Service routing before this chart gives it to them)" .Values.kubernetes.apiServer }}
{{- end }}

{{/* everywhere: the address to listen on, of both families where the cluster's first is IPv6. */}}
{{- define "opencontrail.everywhere" -}}
{{- if contains ":" (first .Values.cluster.podCidrs) }}[::]{{ else }}0.0.0.0{{ end }}
{{- end }}

{{/* ownConfigApi: non-empty where this chart runs the config API and the vRouter itself. */}}
{{- define "opencontrail.ownConfigApi" -}}
{{- if not .Values.contrail.api }}yes{{ end }}
{{- end }}

{{/* contrailApi: where programs find the config API. */}}
{{- define "opencontrail.contrailApi" -}}
{{- .Values.contrail.api | default (printf "kubernetes://%s/config-api" .Release.Namespace) }}
{{- end }}

{{/* kept: a value of a Secret that survives upgrades: (dict "root" $ "secret" name "key" key "given" value). */}}
{{- define "opencontrail.kept" -}}
{{- $secret := lookup "v1" "Secret" .root.Release.Namespace .secret -}}
{{- if .given -}}
{{ .given }}
{{- else if and $secret (hasKey $secret.data .key) -}}
{{ index $secret.data .key | b64dec }}
{{- else -}}
{{ randAlphaNum 40 }}
{{- end -}}
{{- end }}

{{/* settings: the environment that programs read besides their flags. */}}
{{- define "opencontrail.settings" -}}
- configMapRef:
    name: settings
{{- end }}

{{/* identity: the environment that differs from node to node. */}}
{{- define "opencontrail.identity" -}}
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: NODE_IP
  valueFrom:
    fieldRef:
      fieldPath: status.hostIP
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- end }}

{{/* contrailAccess: the environment of a client of the config API. */}}
{{- define "opencontrail.contrailAccess" -}}
{{- if or (include "opencontrail.ownConfigApi" .) .Values.contrail.token }}
- name: OPENCONTRAIL_CONTRAIL_TOKEN
  valueFrom:
    secretKeyRef:
      name: config-api-token
      key: token
{{- end }}
{{- if or (include "opencontrail.ownConfigApi" .) .Values.contrail.caSecret }}
- name: OPENCONTRAIL_CONTRAIL_CA
  value: /etc/opencontrail/contrail/ca.crt
{{- end }}
{{- end }}

{{/* contrailMounts and contrailVolumes: the CA of the config API, never its key. */}}
{{- define "opencontrail.contrailMounts" -}}
{{- if or (include "opencontrail.ownConfigApi" .) .Values.contrail.caSecret }}
- name: contrail-ca
  mountPath: /etc/opencontrail/contrail
  readOnly: true
{{- end }}
{{- end }}

{{- define "opencontrail.contrailVolumes" -}}
{{- if or (include "opencontrail.ownConfigApi" .) .Values.contrail.caSecret }}
- name: contrail-ca
  secret:
    secretName: {{ .Values.contrail.caSecret | default "opencontrail-config-api-tls" }}
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
{{- end }}

{{/* ownRedis: non-empty where this chart runs Redis itself. */}}
{{- define "opencontrail.ownRedis" -}}
{{- if not (or .Values.redis.url .Values.redis.urlSecret) }}yes{{ end }}
{{- end }}

{{/* redisAccess: the environment of a client of Redis; the URL holds the password. */}}
{{- define "opencontrail.redisAccess" -}}
- name: OPENCONTRAIL_REDIS
  valueFrom:
    secretKeyRef:
      name: {{ .Values.redis.urlSecret | default "redis" }}
      key: url
{{- if .Values.redis.caSecret }}
- name: NODE_EXTRA_CA_CERTS
  value: /etc/opencontrail/redis/ca.crt
{{- end }}
{{- end }}

{{/* redisMounts and redisVolumes: the CA of a Redis elsewhere. */}}
{{- define "opencontrail.redisMounts" -}}
{{- if .Values.redis.caSecret }}
- name: redis-ca
  mountPath: /etc/opencontrail/redis
  readOnly: true
{{- end }}
{{- end }}

{{- define "opencontrail.redisVolumes" -}}
{{- if .Values.redis.caSecret }}
- name: redis-ca
  secret:
    secretName: {{ .Values.redis.caSecret }}
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
{{- end }}

{{/* pod: what every pod of the product has in common: it lives on the host's network, on any node of Linux, from the first minute; `nodeSelector` says which,
`tolerations` with which taints: without them with any. */}}
{{- define "opencontrail.pod" -}}
hostNetwork: true
dnsPolicy: Default
serviceAccountName: {{ .program }}
nodeSelector:
  kubernetes.io/os: linux
{{- with .nodeSelector }}
  {{- toYaml . | nindent 2 }}
{{- end }}
tolerations:
  {{- toYaml (.tolerations | default (list (dict "operator" "Exists"))) | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* apart: replicas share the nodes' ports, so each needs a node of its own. */}}
{{- define "opencontrail.apart" -}}
affinity:
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "opencontrail.selector" . | nindent 12 }}
{{- end }}

{{/* command: one program of the image: (dict "root" $ "program" "workers"). */}}
{{- define "opencontrail.container" -}}
image: {{ include "opencontrail.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
command: ["/opt/opencontrail/bin/opencontrail", {{ .program | quote }}]
{{- end }}

{{/* confined: a container that needs nothing of the machine. */}}
{{- define "opencontrail.confined" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{/* rollout: changes with the settings and secrets that a program reads only at its start. */}}
{{- define "opencontrail.rollout" -}}
opencontrail.org/settings: {{ include (print .Template.BasePath "/shared/settings.yaml") . | sha256sum }}
{{- end }}

{{/* hook: when Helm runs something: (dict "root" $ "weight" "-10" "events" "pre-install"); what succeeded leaves nothing. */}}
{{- define "opencontrail.hook" -}}
helm.sh/hook: {{ .events }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
helm.sh/hook-output-log-policy: hook-failed
{{- end }}

{{/* hostPorts: what the programs will listen on, for preflight: all are on the host's network. */}}
{{- define "opencontrail.hostPorts" -}}
{{- $ports := list (printf "%v/tcp=webhooks:webhooks.port" .Values.webhooks.port) (printf "%v/tcp=workers:workers.port" .Values.workers.port) "9092/tcp=agent" }}
{{- with .Values.node.agentMetricsPort }}
{{- $ports = append $ports (printf "%v/tcp=agent:node.agentMetricsPort" .) }}
{{- end }}
{{- if include "opencontrail.ownConfigApi" . }}
{{- with .Values.node.vrouterMetricsPort }}
{{- $ports = append $ports (printf "%v/tcp=vrouter:node.vrouterMetricsPort" .) }}
{{- end }}
{{- $ports = concat $ports (list (printf "%v/tcp=config-api:configApi.port" .Values.configApi.port) "9091/tcp=vrouter" (printf "%v/udp=vrouter:node.vxlanPort" .Values.node.vxlanPort)) }}
{{- end }}
{{- if include "opencontrail.ownRedis" . }}
{{- $ports = append $ports "6379/tcp=redis" }}
{{- end }}
{{- with .Values.proxy }}
{{- if .enabled }}
{{- $ports = concat $ports (list (printf "%v/tcp=proxy:proxy.port" .port) (printf "%v/tcp=proxy:proxy.httpPort" .httpPort) (printf "%v/tcp=proxy:proxy.httpsPort" .httpsPort)) }}
{{- end }}
{{- end }}
{{- if and .Values.bgp.enabled (include "opencontrail.ownConfigApi" .) }}
{{- $ports = concat $ports (list "179/tcp=bgp" (printf "%v/tcp=bgp:bgp.port" .Values.bgp.port)) }}
{{- end }}
{{- join "," $ports }}
{{- end }}

{{/* admissible: fails where pod security would refuse our pods, which are on the host's network: Helm would only wait for them. */}}
{{- define "opencontrail.admissible" -}}
{{- $namespace := lookup "v1" "Namespace" "" .Release.Namespace -}}
{{- $level := dig "metadata" "labels" "pod-security.kubernetes.io/enforce" "privileged" $namespace -}}
{{- if ne $level "privileged" -}}
{{- fail (printf "namespace %s enforces pod security %q, and a node's network is programmed by privileged pods: kubectl label namespace %s --overwrite pod-security.kubernetes.io/enforce=privileged" .Release.Namespace $level .Release.Namespace) -}}
{{- end -}}
{{- end }}
