"""Types of the Kubernetes API group version networking.k8s.io/v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A
from typing import ClassVar

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, ApiStruct, Int32, IntOrString, ListMap, Patch
from sagong.api.types.core import TypedLocalObjectReference
from sagong.api.types.meta import Condition, LabelSelector, ListMeta, ObjectMeta


class NetworkPolicyPort(ApiStruct):
    protocol: A[str | None, 1] = None
    port: A[IntOrString | None, 2] = None
    endPort: A[Int32 | None, 3] = None


class IPBlock(ApiStruct):
    cidr: A[str, 1, REQUIRED] = field(default_factory=str)
    except_: A[list[str], 2, ATOMIC] = field(default_factory=list, name="except")


class NetworkPolicyPeer(ApiStruct):
    podSelector: A[LabelSelector | None, 1] = None
    namespaceSelector: A[LabelSelector | None, 2] = None
    ipBlock: A[IPBlock | None, 3] = None


class NetworkPolicyIngressRule(ApiStruct):
    ports: A[list[NetworkPolicyPort], 1, ATOMIC] = field(default_factory=list)
    from_: A[list[NetworkPolicyPeer], 2, ATOMIC] = field(default_factory=list, name="from")


class NetworkPolicyEgressRule(ApiStruct):
    ports: A[list[NetworkPolicyPort], 1, ATOMIC] = field(default_factory=list)
    to: A[list[NetworkPolicyPeer], 2, ATOMIC] = field(default_factory=list)


class NetworkPolicySpec(ApiStruct):
    podSelector: A[LabelSelector, 1] = field(default_factory=LabelSelector)
    ingress: A[list[NetworkPolicyIngressRule], 2, ATOMIC] = field(default_factory=list)
    egress: A[list[NetworkPolicyEgressRule], 3, ATOMIC] = field(default_factory=list)
    policyTypes: A[list[str], 4, ATOMIC] = field(default_factory=list)


class NetworkPolicy(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[NetworkPolicySpec, 2] = field(default_factory=NetworkPolicySpec)


class NetworkPolicyList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[NetworkPolicy], 2, REQUIRED] = field(default_factory=list)


class IngressTLS(ApiStruct):
    hosts: A[list[str], 1, ATOMIC] = field(default_factory=list)
    secretName: A[str, 2] = ""


class ServiceBackendPort(ApiStruct):
    atomic: ClassVar[bool] = True

    name: A[str, 1] = ""
    number: A[Int32, 2] = 0


class IngressServiceBackend(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    port: A[ServiceBackendPort, 2] = field(default_factory=ServiceBackendPort)


class IngressBackend(ApiStruct):
    service: A[IngressServiceBackend | None, 4] = None
    resource: A[TypedLocalObjectReference | None, 3] = None


class HTTPIngressPath(ApiStruct):
    path: A[str, 1] = ""
    pathType: A[str | None, 3, REQUIRED] = None
    backend: A[IngressBackend, 2, REQUIRED] = field(default_factory=IngressBackend)


class HTTPIngressRuleValue(ApiStruct):
    paths: A[list[HTTPIngressPath], 1, REQUIRED, ATOMIC] = field(default_factory=list)


class IngressRule(ApiStruct):
    host: A[str, 1] = ""
    http: A[HTTPIngressRuleValue | None, 1] = None


class IngressSpec(ApiStruct):
    ingressClassName: A[str | None, 4] = None
    defaultBackend: A[IngressBackend | None, 1] = None
    tls: A[list[IngressTLS], 2, ATOMIC] = field(default_factory=list)
    rules: A[list[IngressRule], 3, ATOMIC] = field(default_factory=list)


class IngressPortStatus(ApiStruct):
    port: A[Int32, 1, REQUIRED] = field(default_factory=int)
    protocol: A[str, 2, REQUIRED] = field(default_factory=str)
    error: A[str | None, 3] = None


class IngressLoadBalancerIngress(ApiStruct):
    ip: A[str, 1] = ""
    hostname: A[str, 2] = ""
    ports: A[list[IngressPortStatus], 4, ATOMIC] = field(default_factory=list)


class IngressLoadBalancerStatus(ApiStruct):
    ingress: A[list[IngressLoadBalancerIngress], 1, ATOMIC] = field(default_factory=list)


class IngressStatus(ApiStruct):
    loadBalancer: A[IngressLoadBalancerStatus, 1] = field(default_factory=IngressLoadBalancerStatus)


class Ingress(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[IngressSpec, 2] = field(default_factory=IngressSpec)
    status: A[IngressStatus, 3] = field(default_factory=IngressStatus)


class IngressList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[Ingress], 2, REQUIRED] = field(default_factory=list)


class IngressClassParametersReference(ApiStruct):
    apiGroup: A[str | None, 1] = None
    kind: A[str, 2, REQUIRED] = field(default_factory=str)
    name: A[str, 3, REQUIRED] = field(default_factory=str)
    scope: A[str | None, 4] = field(default_factory=NoneType)
    namespace: A[str | None, 5] = None


class IngressClassSpec(ApiStruct):
    controller: A[str, 1] = ""
    parameters: A[IngressClassParametersReference | None, 2] = None


class IngressClass(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[IngressClassSpec, 2] = field(default_factory=IngressClassSpec)


class IngressClassList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[IngressClass], 2, REQUIRED] = field(default_factory=list)


class ParentReference(ApiStruct):
    group: A[str, 1] = ""
    resource: A[str, 2, REQUIRED] = ""
    namespace: A[str, 3] = ""
    name: A[str, 4, REQUIRED] = ""


class IPAddressSpec(ApiStruct):
    parentRef: A[ParentReference | None, 1, REQUIRED] = None


class IPAddress(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[IPAddressSpec, 2, REQUIRED] = field(default_factory=IPAddressSpec)


class IPAddressList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[IPAddress], 2, REQUIRED] = field(default_factory=list)


class ServiceCIDRSpec(ApiStruct):
    cidrs: A[list[str], 1, ATOMIC] = field(default_factory=list)


class ServiceCIDRStatus(ApiStruct):
    conditions: A[list[Condition], 1, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)


class ServiceCIDR(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[ServiceCIDRSpec, 2] = field(default_factory=ServiceCIDRSpec)
    status: A[ServiceCIDRStatus, 3] = field(default_factory=ServiceCIDRStatus)


class ServiceCIDRList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ServiceCIDR], 2, REQUIRED] = field(default_factory=list)
