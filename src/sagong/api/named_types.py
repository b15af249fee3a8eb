"""Names that Go gives to strings, numbers and maps of the API, and the values of those that have a fixed set.

Wrong types are told with them (`of type v1.Protocol`), and `kubectl explain` lists the values.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

# The fields of each type, as `Struct.field`; of a list, the type is that of its items.
_FIELDS: dict[str, str] = {
    "types.UID": (
        "AdmissionRequest.uid AdmissionResponse.uid BoundObjectReference.uid ConfigMapNodeConfigSource.uid "
        "DeviceRequestAllocationResult.shareID ObjectMeta.uid ObjectReference.uid OwnerReference.uid Preconditions.uid "
        "ResourceClaimConsumerReference.uid StatusDetails.uid UncountedTerminatedPods.failed UncountedTerminatedPods.succeeded"
    ),
    "v1.APIServiceConditionType": "APIServiceCondition.type",
    "v1.AddressType": "EndpointSlice.addressType",
    "v1.AllocationConfigSource": "DeviceAllocationConfiguration.source",
    "v1.AppArmorProfileType": "AppArmorProfile.type",
    "v1.AzureDataDiskCachingMode": "AzureDiskVolumeSource.cachingMode",
    "v1.AzureDataDiskKind": "AzureDiskVolumeSource.kind",
    "v1.Capability": "Capabilities.add Capabilities.drop",
    "v1.CauseType": "StatusCause.reason",
    "v1.CompletionMode": "JobSpec.completionMode",
    "v1.ComponentConditionType": "ComponentCondition.type",
    "v1.ConcurrencyPolicy": "CronJobSpec.concurrencyPolicy",
    "v1.ConditionStatus": (
        "APIServiceCondition.status CertificateSigningRequestCondition.status ComponentCondition.status Condition.status "
        "CustomResourceDefinitionCondition.status DaemonSetCondition.status DeploymentCondition.status FlowSchemaCondition.status "
        "HorizontalPodAutoscalerCondition.status JobCondition.status NamespaceCondition.status NodeCondition.status "
        "PersistentVolumeClaimCondition.status PodCondition.status PodFailurePolicyOnPodConditionsPattern.status "
        "PriorityLevelConfigurationCondition.status ReplicaSetCondition.status ReplicationControllerCondition.status "
        "StatefulSetCondition.status TableRowCondition.status"
    ),
    "v1.ContainerRestartPolicy": "Container.restartPolicy EphemeralContainer.restartPolicy",
    "v1.ContainerRestartRuleAction": "ContainerRestartRule.action",
    "v1.ContainerRestartRuleOnExitCodesOperator": "ContainerRestartRuleOnExitCodes.operator",
    "v1.ConversionStrategyType": "CustomResourceConversion.strategy",
    "v1.CoordinatedLeaseStrategy": "LeaseSpec.strategy",
    "v1.CustomResourceDefinitionConditionType": "CustomResourceDefinitionCondition.type",
    "v1.DNSPolicy": "PodSpec.dnsPolicy",
    "v1.DaemonSetConditionType": "DaemonSetCondition.type",
    "v1.DaemonSetUpdateStrategyType": "DaemonSetUpdateStrategy.type",
    "v1.DeletionPropagation": "DeleteOptions.propagationPolicy",
    "v1.DeploymentConditionType": "DeploymentCondition.type",
    "v1.DeploymentStrategyType": "DeploymentStrategy.type",
    "v1.DeviceAllocationMode": "DeviceSubRequest.allocationMode ExactDeviceRequest.allocationMode",
    "v1.DeviceTaintEffect": "DeviceTaint.effect DeviceToleration.effect",
    "v1.DeviceTolerationOperator": "DeviceToleration.operator",
    "v1.FSGroupPolicy": "CSIDriverSpec.fsGroupPolicy",
    "v1.FailurePolicyType": (
        "MutatingAdmissionPolicySpec.failurePolicy MutatingWebhook.failurePolicy ValidatingAdmissionPolicySpec.failurePolicy "
        "ValidatingWebhook.failurePolicy"
    ),
    "v1.FieldSelectorOperator": "FieldSelectorRequirement.operator",
    "v1.FieldValueErrorReason": "ValidationRule.reason",
    "v1.FinalizerName": "NamespaceSpec.finalizers",
    "v1.FlowDistinguisherMethodType": "FlowDistinguisherMethod.type",
    "v1.FlowSchemaConditionType": "FlowSchemaCondition.type",
    "v1.FullyQualifiedName": "DeviceConstraint.distinctAttribute DeviceConstraint.matchAttribute",
    "v1.HostPathType": "HostPathVolumeSource.type",
    "v1.IPFamily": "ServiceSpec.ipFamilies",
    "v1.IPFamilyPolicy": "ServiceSpec.ipFamilyPolicy",
    "v1.JSONSchemaURL": "JSONSchemaProps.$schema",
    "v1.JobConditionType": "JobCondition.type",
    "v1.KeyUsage": "CertificateSigningRequestSpec.usages",
    "v1.LabelSelectorOperator": "LabelSelectorRequirement.operator",
    "v1.LimitResponseType": "LimitResponse.type",
    "v1.LimitType": "LimitRangeItem.type",
    "v1.LoadBalancerIPMode": "LoadBalancerIngress.ipMode",
    "v1.ManagedFieldsOperationType": "ManagedFieldsEntry.operation",
    "v1.MatchPolicyType": "MatchResources.matchPolicy MutatingWebhook.matchPolicy ValidatingWebhook.matchPolicy",
    "v1.MountPropagationMode": "VolumeMount.mountPropagation",
    "v1.NamespaceConditionType": "NamespaceCondition.type",
    "v1.NamespacePhase": "NamespaceStatus.phase",
    "v1.NodeAddressType": "NodeAddress.type",
    "v1.NodeConditionType": "NodeCondition.type",
    "v1.NodeInclusionPolicy": "TopologySpreadConstraint.nodeAffinityPolicy TopologySpreadConstraint.nodeTaintsPolicy",
    "v1.NodePhase": "NodeStatus.phase",
    "v1.NodeSelectorOperator": "NodeSelectorRequirement.operator",
    "v1.OSName": "PodOS.name",
    "v1.Operation": "AdmissionRequest.operation",
    "v1.OperationType": "NamedRuleWithOperations.operations RuleWithOperations.operations",
    "v1.ParameterNotFoundActionType": "ParamRef.parameterNotFoundAction",
    "v1.PatchType": "AdmissionResponse.patchType Mutation.patchType",
    "v1.PathType": "HTTPIngressPath.pathType",
    "v1.PersistentVolumeAccessMode": (
        "PersistentVolumeClaimSpec.accessModes PersistentVolumeClaimStatus.accessModes PersistentVolumeSpec.accessModes"
    ),
    "v1.PersistentVolumeClaimConditionType": "PersistentVolumeClaimCondition.type",
    "v1.PersistentVolumeClaimModifyVolumeStatus": "ModifyVolumeStatus.status",
    "v1.PersistentVolumeClaimPhase": "PersistentVolumeClaimStatus.phase",
    "v1.PersistentVolumeClaimRetentionPolicyType": (
        "StatefulSetPersistentVolumeClaimRetentionPolicy.whenDeleted StatefulSetPersistentVolumeClaimRetentionPolicy.whenScaled"
    ),
    "v1.PersistentVolumeMode": "PersistentVolumeClaimSpec.volumeMode PersistentVolumeSpec.volumeMode",
    "v1.PersistentVolumePhase": "PersistentVolumeStatus.phase",
    "v1.PersistentVolumeReclaimPolicy": "PersistentVolumeSpec.persistentVolumeReclaimPolicy StorageClass.reclaimPolicy",
    "v1.PodConditionType": "PodCondition.type PodFailurePolicyOnPodConditionsPattern.type PodReadinessGate.conditionType",
    "v1.PodFSGroupChangePolicy": "PodSecurityContext.fsGroupChangePolicy",
    "v1.PodFailurePolicyAction": "PodFailurePolicyRule.action",
    "v1.PodFailurePolicyOnExitCodesOperator": "PodFailurePolicyOnExitCodesRequirement.operator",
    "v1.PodManagementPolicyType": "StatefulSetSpec.podManagementPolicy",
    "v1.PodPhase": "PodStatus.phase",
    "v1.PodQOSClass": "PodStatus.qosClass",
    "v1.PodReplacementPolicy": "JobSpec.podReplacementPolicy",
    "v1.PodResizeStatus": "PodStatus.resize",
    "v1.PodSELinuxChangePolicy": "PodSecurityContext.seLinuxChangePolicy",
    "v1.PolicyType": "NetworkPolicySpec.policyTypes",
    "v1.PreemptionPolicy": "PodSpec.preemptionPolicy PriorityClass.preemptionPolicy",
    "v1.PriorityLevelConfigurationConditionType": "PriorityLevelConfigurationCondition.type",
    "v1.PriorityLevelEnablement": "PriorityLevelConfigurationSpec.type",
    "v1.ProcMountType": "SecurityContext.procMount",
    "v1.Protocol": (
        "ContainerPort.protocol EndpointPort.protocol IngressPortStatus.protocol NetworkPolicyPort.protocol PortStatus.protocol "
        "ServicePort.protocol"
    ),
    "v1.PullPolicy": "Container.imagePullPolicy EphemeralContainer.imagePullPolicy ImageVolumeSource.pullPolicy",
    "v1.QualifiedName": "NodeAllocatableResourceMapping.capacityKey",
    "v1.RecursiveReadOnlyMode": "VolumeMount.recursiveReadOnly VolumeMountStatus.recursiveReadOnly",
    "v1.ReinvocationPolicyType": "MutatingAdmissionPolicySpec.reinvocationPolicy MutatingWebhook.reinvocationPolicy",
    "v1.ReplicaSetConditionType": "ReplicaSetCondition.type",
    "v1.ReplicationControllerConditionType": "ReplicationControllerCondition.type",
    "v1.RequestConditionType": "CertificateSigningRequestCondition.type",
    "v1.ResourceHealthStatus": "ResourceHealth.health",
    "v1.ResourceID": "ResourceHealth.resourceID",
    "v1.ResourceList": (
        "ContainerStatus.allocatedResources LimitRangeItem.default LimitRangeItem.defaultRequest LimitRangeItem.max "
        "LimitRangeItem.maxLimitRequestRatio LimitRangeItem.min NodeStatus.allocatable NodeStatus.capacity Overhead.podFixed "
        "PersistentVolumeClaimStatus.allocatedResources PersistentVolumeClaimStatus.capacity PersistentVolumeSpec.capacity "
        "PodSpec.overhead PodStatus.allocatedResources ResourceQuotaSpec.hard ResourceQuotaStatus.hard ResourceQuotaStatus.used "
        "ResourceRequirements.limits ResourceRequirements.requests VolumeResourceRequirements.limits "
        "VolumeResourceRequirements.requests"
    ),
    "v1.ResourceName": (
        "ContainerResizePolicy.resourceName ContainerResourceMetricSource.name ContainerResourceMetricStatus.name "
        "ResourceMetricSource.name ResourceMetricStatus.name ResourceStatus.name"
    ),
    "v1.ResourceQuotaScope": "ResourceQuotaSpec.scopes ScopedResourceSelectorRequirement.scopeName",
    "v1.ResourceResizeRestartPolicy": "ContainerResizePolicy.restartPolicy",
    "v1.ResourceScope": "CustomResourceDefinitionSpec.scope",
    "v1.RestartPolicy": "PodSpec.restartPolicy",
    "v1.RowConditionType": "TableRowCondition.type",
    "v1.ScopeSelectorOperator": "ScopedResourceSelectorRequirement.operator",
    "v1.ScopeType": "NamedRuleWithOperations.scope RuleWithOperations.scope",
    "v1.SeccompProfileType": "SeccompProfile.type",
    "v1.SecretType": "Secret.type",
    "v1.ServiceAffinity": "ServiceSpec.sessionAffinity",
    "v1.ServiceExternalTrafficPolicy": "ServiceSpec.externalTrafficPolicy",
    "v1.ServiceInternalTrafficPolicy": "ServiceSpec.internalTrafficPolicy",
    "v1.ServiceType": "ServiceSpec.type",
    "v1.SideEffectClass": "MutatingWebhook.sideEffects ValidatingWebhook.sideEffects",
    "v1.Signal": "ContainerStatus.stopSignal Lifecycle.stopSignal",
    "v1.StatefulSetConditionType": "StatefulSetCondition.type",
    "v1.StatefulSetUpdateStrategyType": "StatefulSetUpdateStrategy.type",
    "v1.StatusReason": "Status.reason Validation.reason",
    "v1.StorageMedium": "EmptyDirVolumeSource.medium",
    "v1.SubjectKind": "Subject.kind",
    "v1.SupplementalGroupsPolicy": "PodSecurityContext.supplementalGroupsPolicy",
    "v1.TaintEffect": "Taint.effect Toleration.effect",
    "v1.TerminationMessagePolicy": "Container.terminationMessagePolicy EphemeralContainer.terminationMessagePolicy",
    "v1.TolerationOperator": "Toleration.operator",
    "v1.URIScheme": "HTTPGetAction.scheme",
    "v1.UnhealthyPodEvictionPolicyType": "PodDisruptionBudgetSpec.unhealthyPodEvictionPolicy",
    "v1.UniqueVolumeName": "AttachedVolume.name NodeStatus.volumesInUse",
    "v1.UnsatisfiableConstraintAction": "TopologySpreadConstraint.whenUnsatisfiable",
    "v1.ValidationAction": "ValidatingAdmissionPolicyBindingSpec.validationActions",
    "v1.VolumeBindingMode": "StorageClass.volumeBindingMode",
    "v1.VolumeLifecycleMode": "CSIDriverSpec.volumeLifecycleModes",
    "v2.HPAScalingPolicyType": "HPAScalingPolicy.type",
    "v2.HorizontalPodAutoscalerConditionType": "HorizontalPodAutoscalerCondition.type",
    "v2.MetricSourceType": "MetricSpec.type MetricStatus.type",
    "v2.MetricTargetType": "MetricTarget.type",
    "v2.ScalingPolicySelect": "HPAScalingRules.selectPolicy",
}

_VALUES: dict[str, str] = {
    "v1.AddressType": "FQDN|IPv4|IPv6",
    "v1.AllocationConfigSource": "FromClaim|FromClass",
    "v1.AppArmorProfileType": "Localhost|RuntimeDefault|Unconfined",
    "v1.AzureDataDiskCachingMode": "None|ReadOnly|ReadWrite",
    "v1.AzureDataDiskKind": "Dedicated|Managed|Shared",
    "v1.CompletionMode": "Indexed|NonIndexed",
    "v1.ConcurrencyPolicy": "Allow|Forbid|Replace",
    "v1.DNSPolicy": "ClusterFirst|ClusterFirstWithHostNet|Default|None",
    "v1.DaemonSetUpdateStrategyType": "OnDelete|RollingUpdate",
    "v1.DeploymentStrategyType": "Recreate|RollingUpdate",
    "v1.DeviceAllocationMode": "All|ExactCount",
    "v1.DeviceTaintEffect": "NoExecute|NoSchedule|None",
    "v1.DeviceTolerationOperator": "Equal|Exists",
    "v1.FailurePolicyType": "Fail|Ignore",
    "v1.FieldValueErrorReason": "FieldValueDuplicate|FieldValueForbidden|FieldValueInvalid|FieldValueRequired",
    "v1.HostPathType": "|BlockDevice|CharDevice|Directory|DirectoryOrCreate|File|FileOrCreate|Socket",
    "v1.IPFamily": "|IPv4|IPv6",
    "v1.IPFamilyPolicy": "PreferDualStack|RequireDualStack|SingleStack",
    "v1.KeyUsage": (
        "any|cert sign|client auth|code signing|content commitment|crl sign|data encipherment|decipher only|digital signature|"
        "email protection|encipher only|ipsec end system|ipsec tunnel|ipsec user|key agreement|key encipherment|microsoft sgc|"
        "netscape sgc|ocsp signing|s/mime|server auth|signing|timestamping"
    ),
    "v1.MatchPolicyType": "Equivalent|Exact",
    "v1.MountPropagationMode": "Bidirectional|HostToContainer|None",
    "v1.NamespacePhase": "Active|Terminating",
    "v1.NodeInclusionPolicy": "Honor|Ignore",
    "v1.NodePhase": "Pending|Running|Terminated",
    "v1.NodeSelectorOperator": "DoesNotExist|Exists|Gt|In|Lt|NotIn",
    "v1.OperationType": "*|CONNECT|CREATE|DELETE|UPDATE",
    "v1.PatchType": "ApplyConfiguration|JSONPatch",
    "v1.PathType": "Exact|ImplementationSpecific|Prefix",
    "v1.PersistentVolumeAccessMode": "ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod",
    "v1.PersistentVolumeClaimModifyVolumeStatus": "InProgress|Infeasible|Pending",
    "v1.PersistentVolumeClaimPhase": "Bound|Lost|Pending",
    "v1.PersistentVolumeMode": "Block|Filesystem",
    "v1.PersistentVolumePhase": "Available|Bound|Failed|Pending|Released",
    "v1.PersistentVolumeReclaimPolicy": "Delete|Recycle|Retain",
    "v1.PodFSGroupChangePolicy": "Always|OnRootMismatch",
    "v1.PodFailurePolicyAction": "Count|FailIndex|FailJob|Ignore",
    "v1.PodFailurePolicyOnExitCodesOperator": "In|NotIn",
    "v1.PodManagementPolicyType": "OrderedReady|Parallel",
    "v1.PodPhase": "Failed|Pending|Running|Succeeded|Unknown",
    "v1.PodQOSClass": "BestEffort|Burstable|Guaranteed",
    "v1.PodReplacementPolicy": "Failed|TerminatingOrFailed",
    "v1.PolicyType": "Egress|Ingress",
    "v1.PreemptionPolicy": "Never|PreemptLowerPriority",
    "v1.ProcMountType": "Default|Unmasked",
    "v1.Protocol": "SCTP|TCP|UDP",
    "v1.PullPolicy": "Always|IfNotPresent|Never",
    "v1.ReinvocationPolicyType": "IfNeeded|Never",
    "v1.ResourceQuotaScope": (
        "BestEffort|CrossNamespacePodAffinity|NotBestEffort|NotTerminating|PriorityClass|Terminating|VolumeAttributesClass"
    ),
    "v1.RestartPolicy": "Always|Never|OnFailure",
    "v1.ScopeSelectorOperator": "DoesNotExist|Exists|In|NotIn",
    "v1.ScopeType": "*|Cluster|Namespaced",
    "v1.SeccompProfileType": "Localhost|RuntimeDefault|Unconfined",
    "v1.ServiceAffinity": "ClientIP|None",
    "v1.ServiceExternalTrafficPolicy": "Cluster|Local",
    "v1.ServiceInternalTrafficPolicy": "Cluster|Local",
    "v1.ServiceType": "ClusterIP|ExternalName|LoadBalancer|NodePort",
    "v1.SideEffectClass": "None|NoneOnDryRun|Some|Unknown",
    "v1.Signal": (
        "SIGABRT|SIGALRM|SIGBUS|SIGCHLD|SIGCLD|SIGCONT|SIGFPE|SIGHUP|SIGILL|SIGINT|SIGIO|SIGIOT|SIGKILL|SIGPIPE|SIGPOLL|"
        "SIGPROF|SIGPWR|SIGQUIT|SIGRTMAX|SIGRTMAX-1|SIGRTMAX-10|SIGRTMAX-11|SIGRTMAX-12|SIGRTMAX-13|SIGRTMAX-14|SIGRTMAX-2|"
        "SIGRTMAX-3|SIGRTMAX-4|SIGRTMAX-5|SIGRTMAX-6|SIGRTMAX-7|SIGRTMAX-8|SIGRTMAX-9|SIGRTMIN|SIGRTMIN+1|SIGRTMIN+10|"
        "SIGRTMIN+11|SIGRTMIN+12|SIGRTMIN+13|SIGRTMIN+14|SIGRTMIN+15|SIGRTMIN+2|SIGRTMIN+3|SIGRTMIN+4|SIGRTMIN+5|SIGRTMIN+6|"
        "SIGRTMIN+7|SIGRTMIN+8|SIGRTMIN+9|SIGSEGV|SIGSTKFLT|SIGSTOP|SIGSYS|SIGTERM|SIGTRAP|SIGTSTP|SIGTTIN|SIGTTOU|SIGURG|"
        "SIGUSR1|SIGUSR2|SIGVTALRM|SIGWINCH|SIGXCPU|SIGXFSZ"
    ),
    "v1.StatefulSetUpdateStrategyType": "OnDelete|RollingUpdate",
    "v1.SupplementalGroupsPolicy": "Merge|Strict",
    "v1.TaintEffect": "NoExecute|NoSchedule|PreferNoSchedule",
    "v1.TerminationMessagePolicy": "FallbackToLogsOnError|File",
    "v1.TolerationOperator": "Equal|Exists|Gt|Lt",
    "v1.URIScheme": "HTTP|HTTPS",
    "v1.UnhealthyPodEvictionPolicyType": "AlwaysAllow|IfHealthyBudget",
    "v1.UnsatisfiableConstraintAction": "DoNotSchedule|ScheduleAnyway",
    "v1.ValidationAction": "Audit|Deny|Warn",
    "v1.VolumeBindingMode": "Immediate|WaitForFirstConsumer",
}

MAPS = frozenset({"v1.ResourceList"})  # named as a whole


@functools.cache
def _types() -> Mapping[str, str]:
    return {field: name for name, fields in _FIELDS.items() for field in fields.split()}


def type_name(struct: str, field: str) -> str:
    """Return the Go type of a field, or of its items, "" when it has no name of its own."""
    return _types().get(f"{struct}.{field}", "")


def values(struct: str, field: str) -> list[str]:
    """Return the values that a field can have, [] when any will do."""
    known = _VALUES.get(type_name(struct, field))
    return known.split("|") if known is not None else []
