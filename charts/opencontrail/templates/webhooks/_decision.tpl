{{/*
decision: the CEL variables of kubernetes/intent.ts and assignment.ts for the modes cluster and namespace:
(dict "root" $ "object" "namespaceObject"); needs `variables.name`. `mode` is empty where the decision takes more than CEL has.
*/}}
{{- define "opencontrail.webhooks.decision" -}}
{{- $cluster := .root.Values.cluster.name -}}
{{- $domain := .root.Values.cluster.domain -}}
- name: asked
  expression: >-
    {{ .object }}.metadata.?annotations[?'opencontrail.org/isolation'].orValue(
    {{ .object }}.metadata.?annotations[?'opencontrail.kubernetes.isolated'].orValue('')).trim().lowerAscii()
- name: isAsked
  expression: >-
    {{ .object }}.metadata.?annotations[?'opencontrail.org/isolation'].hasValue() ||
    {{ .object }}.metadata.?annotations[?'opencontrail.kubernetes.isolated'].hasValue()
- name: isApp
  expression: >-
    variables.asked == 'app' && {{ .object }}.metadata.?annotations[?'opencontrail.org/isolation'].hasValue()
# The namespace `default` is the cluster's own network, and what serves everybody stays there unless it asks.
- name: wanted
  expression: >-
    !variables.isAsked ? (variables.name in ['default', 'kube-system', 'kube-public', 'kube-node-lease'] ? 'cluster' : '{{ .root.Values.cluster.defaultMode }}') :
    variables.asked == 'false' ? 'cluster' : variables.asked == 'true' ? 'namespace' : variables.isApp ? 'app' : ''
- name: mode
  expression: >-
    {{ .object }}.metadata.?annotations[?'opencontrail.org/network'].hasValue() || variables.wanted == '' ? '' :
    variables.name == 'default' ? 'cluster' : variables.wanted == 'app' ? '' : variables.wanted
- name: decidedBy
  expression: "variables.isAsked && variables.wanted == variables.mode ? 'namespace' : 'cluster'"
- name: project
  expression: "'{{ $domain }}:{{ $cluster }}-' + variables.name"
- name: podNetwork
  expression: >-
    variables.mode == 'cluster' ? '{{ $domain }}:{{ $cluster }}-default:{{ $cluster }}-default-pod-network' :
    variables.project + ':{{ $cluster }}-' + variables.name + '-pod-network'
- name: serviceNetwork
  expression: >-
    variables.mode == 'cluster' ? '{{ $domain }}:{{ $cluster }}-default:{{ $cluster }}-default-service-network' :
    variables.project + ':{{ $cluster }}-' + variables.name + '-service-network'
{{- end }}

{{/* writes: the JSON patch of the annotations: results that nobody may bring along go, the assignment comes: (dict "forged" keys "when" CEL). */}}
{{- define "opencontrail.webhooks.writes" -}}
{{- $when := .when | default "true" -}}
['{{ join "', '" .forged }}'].filter(k, ({{ $when }}) && k in variables.annotations).map(k,
JSONPatch{op: 'remove', path: '/metadata/annotations/' + jsonpatch.escapeKey(k)})
+ (!variables.isOurs ? (({{ $when }}) && 'opencontrail.org/assignment' in variables.annotations ?
[JSONPatch{op: 'remove', path: '/metadata/annotations/' + jsonpatch.escapeKey('opencontrail.org/assignment')}] : []) :
has(object.metadata.annotations) ?
[JSONPatch{op: 'add', path: '/metadata/annotations/' + jsonpatch.escapeKey('opencontrail.org/assignment'), value: variables.assignment}] :
[JSONPatch{op: 'add', path: '/metadata/annotations', value: {'opencontrail.org/assignment': variables.assignment}}])
{{- end }}
