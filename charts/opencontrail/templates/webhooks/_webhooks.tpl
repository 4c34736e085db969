{{/*
oursKey: CEL, whether the annotation key `k` is a request or a result of ours. Where the API server writes the assignment by
itself, over anybody's, that key needs no server's judgement: else every pod would wait for one.
*/}}
{{- define "opencontrail.webhooks.oursKey" -}}
{{- if eq .Values.webhooks.mutation "policy" }}k != 'opencontrail.org/assignment' && {{ end -}}
(k.startsWith('opencontrail.org/') || k == 'opencontrail.kubernetes.isolated' || k == 'k8s.v1.cni.cncf.io/networks' || k == 'k8s.v1.cni.cncf.io/network-status')
{{- end }}

{{/* concern: the match conditions that all webhooks share; each tolerates absent fields. */}}
{{- define "opencontrail.webhooks.concern" -}}
# Our own programs write what they decided; nodes write what happened.
- name: not-our-own
  expression: "!request.userInfo.username.startsWith('system:serviceaccount:{{ .Release.Namespace }}:')"
- name: not-a-node
  expression: "!has(request.userInfo.groups) || !('system:nodes' in request.userInfo.groups)"
# What is on its way out is let go.
- name: not-leaving
  expression: "!has(object.metadata.deletionTimestamp)"
{{- end }}

{{/* podConcern: pods that we give an interface. */}}
{{- define "opencontrail.webhooks.podConcern" -}}
{{ include "opencontrail.webhooks.concern" . }}
- name: not-host-network
  expression: "!has(object.spec.hostNetwork) || !object.spec.hostNetwork"
- name: not-a-mirror
  expression: "!has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)"
{{- end }}

{{/* changesOurs: holds where a request brings, changes or removes an annotation of ours. */}}
{{- define "opencontrail.webhooks.changesOurs" -}}
- name: changes-ours
  expression: >-
    (has(object.metadata.annotations) && object.metadata.annotations.exists(k,
    {{ include "opencontrail.webhooks.oursKey" . }} && !(oldObject != null && has(oldObject.metadata.annotations) &&
    k in oldObject.metadata.annotations && oldObject.metadata.annotations[k] == object.metadata.annotations[k])))
    || (oldObject != null && has(oldObject.metadata.annotations) && oldObject.metadata.annotations.exists(k,
    {{ include "opencontrail.webhooks.oursKey" . }} && !(has(object.metadata.annotations) && k in object.metadata.annotations)))
{{- end }}

{{/* changesOursOrLabel: the same, or the label that mirrors the mode. */}}
{{- define "opencontrail.webhooks.changesOursOrLabel" -}}
{{ include "opencontrail.webhooks.changesOurs" . }}
{{- if ne .Values.webhooks.mutation "policy" }}
    || object.metadata.?labels[?'opencontrail.org/mode'].orValue('') !=
    (oldObject == null ? '' : oldObject.metadata.?labels[?'opencontrail.org/mode'].orValue(''))
{{- end }}
{{- end }}

{{/* call: what all webhooks share: (dict "root" $ "path" "/mutate/pods"). There is no caBundle here: the webhooks publish it, and upgrades keep it. */}}
{{- define "opencontrail.webhooks.call" -}}
admissionReviewVersions: [v1]
sideEffects: None
matchPolicy: Equivalent
clientConfig:
  service:
    namespace: {{ .root.Release.Namespace }}
    name: webhooks
    path: {{ .path }}
    port: 443
{{ include "opencontrail.webhooks.userNamespaces" .root }}
{{- end }}

{{/* userNamespaces: all but those whose pods the cluster and the product themselves need. */}}
{{- define "opencontrail.webhooks.userNamespaces" -}}
# Users cannot change this label; what the cluster itself needs never waits for us.
namespaceSelector:
  matchExpressions:
    - key: kubernetes.io/metadata.name
      operator: NotIn
      values: [kube-system, kube-node-lease, {{ .Release.Namespace }}]
{{- end }}
