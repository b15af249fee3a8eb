"""The plugins that are on by default, in upstream's order, and NodeRestriction, which every distribution turns on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sagong.server.admission.certificates import CertificateApproval, CertificateSigning, CertificateSubjectRestriction
from sagong.server.admission.claim_resize import PersistentVolumeClaimResize
from sagong.server.admission.default_classes import DefaultIngressClass, DefaultStorageClass
from sagong.server.admission.default_toleration_seconds import DefaultTolerationSeconds
from sagong.server.admission.limit_ranger import LimitRanger
from sagong.server.admission.namespace_lifecycle import NamespaceLifecycle
from sagong.server.admission.node_restriction import NodeRestriction
from sagong.server.admission.plugin import Plugin
from sagong.server.admission.pod_resize import PodResizeValidator
from sagong.server.admission.pod_security import PodSecurity
from sagong.server.admission.policies.plugins import MutatingAdmissionPolicy, ValidatingAdmissionPolicy
from sagong.server.admission.priority import Priority
from sagong.server.admission.rbac_escalation import RbacEscalation
from sagong.server.admission.resource_quota import ResourceQuotas
from sagong.server.admission.runtime_class import RuntimeClasses
from sagong.server.admission.service_account import ServiceAccounts
from sagong.server.admission.storage_protection import StorageObjectInUseProtection
from sagong.server.admission.taint_nodes import TaintNodesByCondition
from sagong.server.admission.topology_labels import PodTopologyLabels
from sagong.server.admission.webhooks.plugins import AdmissionWebhooks, MutatingAdmissionWebhook, ValidatingAdmissionWebhook
from sagong.server.authz.escalation import EscalationCheck
from sagong.server.authz.rbac import Rbac
from sagong.server.contract import Authorizer, Objects
from sagong.server.registry.registry import Registry


def in_order(objects: Objects, registry: Registry, authorizer: Authorizer, rbac: Rbac, node_labels: Collection[str]) -> Sequence[Plugin]:
    """Return the plugins of the admission chain. `node_labels`: see NodeRestriction."""
    webhooks = AdmissionWebhooks(objects, registry)
    return (
        NamespaceLifecycle(objects),
        LimitRanger(objects),
        NodeRestriction(objects, authorizer, node_labels),
        ServiceAccounts(objects, registry.clock, registry.random),
        TaintNodesByCondition(),
        PodSecurity(objects),
        Priority(objects),
        DefaultTolerationSeconds(),
        DefaultStorageClass(objects),
        StorageObjectInUseProtection(),
        PersistentVolumeClaimResize(objects),
        RuntimeClasses(objects),
        CertificateApproval(authorizer),
        CertificateSigning(authorizer),
        CertificateSubjectRestriction(),
        DefaultIngressClass(objects),
        PodTopologyLabels(objects),
        PodResizeValidator(objects),
        RbacEscalation(EscalationCheck(authorizer, rbac)),
        MutatingAdmissionPolicy(objects, registry),
        MutatingAdmissionWebhook(webhooks),
        ValidatingAdmissionPolicy(objects, registry),
        ValidatingAdmissionWebhook(webhooks),
        ResourceQuotas(objects, registry.clock),
    )
