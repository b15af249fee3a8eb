"""Types of the Kubernetes API group version apiextensions.k8s.io/v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A
from typing import Any

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, ApiStruct, Float, Int32, Int64, ListMap, Patch, Time
from sagong.api.types.meta import ListMeta, ObjectMeta


class CustomResourceDefinitionNames(ApiStruct):
    plural: A[str, 1, REQUIRED] = field(default_factory=str)
    singular: A[str, 2] = ""
    shortNames: A[list[str], 3, ATOMIC] = field(default_factory=list)
    kind: A[str, 4, REQUIRED] = field(default_factory=str)
    listKind: A[str, 5] = ""
    categories: A[list[str], 6, ATOMIC] = field(default_factory=list)


class ServiceReference(ApiStruct):
    namespace: A[str, 1, REQUIRED] = field(default_factory=str)
    name: A[str, 2, REQUIRED] = field(default_factory=str)
    path: A[str | None, 3] = None
    port: A[Int32 | None, 4] = None


class WebhookClientConfig(ApiStruct):
    url: A[str | None, 3] = None
    service: A[ServiceReference | None, 1] = None
    caBundle: A[bytes, 2] = b""


class WebhookConversion(ApiStruct):
    clientConfig: A[WebhookClientConfig | None, 2] = None
    conversionReviewVersions: A[list[str], 3, REQUIRED, ATOMIC] = field(default_factory=list)


class CustomResourceConversion(ApiStruct):
    strategy: A[str, 1, REQUIRED] = field(default_factory=str)
    webhook: A[WebhookConversion | None, 2] = None


class SelectableField(ApiStruct):
    jsonPath: A[str, 1, REQUIRED] = field(default_factory=str)


class CustomResourceColumnDefinition(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    type: A[str, 2, REQUIRED] = field(default_factory=str)
    format: A[str, 3] = ""
    description: A[str, 4] = ""
    priority: A[Int32, 5] = 0
    jsonPath: A[str, 6, REQUIRED] = field(default_factory=str)


class ValidationRule(ApiStruct):
    rule: A[str, 1, REQUIRED] = field(default_factory=str)
    message: A[str, 2] = ""
    messageExpression: A[str, 3] = ""
    reason: A[str | None, 4] = None
    fieldPath: A[str, 5] = ""
    optionalOldSelf: A[bool | None, 6] = None


class ExternalDocumentation(ApiStruct):
    description: A[str, 1] = ""
    url: A[str, 2] = ""


class JSONSchemaProps(ApiStruct):
    id: A[str, 1] = ""
    schema_: A[str, 2] = field(default="", name="$schema")
    ref: A[str | None, 3] = field(default=None, name="$ref")
    description: A[str, 4] = ""
    type: A[str, 5] = ""
    format: A[str, 6] = ""
    title: A[str, 7] = ""
    default: A[Any | None, 8] = None
    maximum: A[Float | None, 9] = None
    exclusiveMaximum: A[bool, 10] = False
    minimum: A[Float | None, 11] = None
    exclusiveMinimum: A[bool, 12] = False
    maxLength: A[Int64 | None, 13] = None
    minLength: A[Int64 | None, 14] = None
    pattern: A[str, 15] = ""
    maxItems: A[Int64 | None, 16] = None
    minItems: A[Int64 | None, 17] = None
    uniqueItems: A[bool, 18] = False
    multipleOf: A[Float | None, 19] = None
    enum: A[list[Any], 20, ATOMIC] = field(default_factory=list)
    maxProperties: A[Int64 | None, 21] = None
    minProperties: A[Int64 | None, 22] = None
    required: A[list[str], 23, ATOMIC] = field(default_factory=list)
    items: "A[JSONSchemaProps | list[JSONSchemaProps] | None, 24]" = None
    allOf: "A[list[JSONSchemaProps], 25, ATOMIC]" = field(default_factory=list)
    oneOf: "A[list[JSONSchemaProps], 26, ATOMIC]" = field(default_factory=list)
    anyOf: "A[list[JSONSchemaProps], 27, ATOMIC]" = field(default_factory=list)
    not_: "A[JSONSchemaProps | None, 28]" = field(default=None, name="not")
    properties: "A[dict[str, JSONSchemaProps], 29]" = field(default_factory=dict)
    additionalProperties: "A[JSONSchemaProps | bool | None, 30]" = None
    patternProperties: "A[dict[str, JSONSchemaProps], 31]" = field(default_factory=dict)
    dependencies: "A[dict[str, JSONSchemaProps | list[str]], 32]" = field(default_factory=dict)
    additionalItems: "A[JSONSchemaProps | bool | None, 33]" = None
    definitions: "A[dict[str, JSONSchemaProps], 34]" = field(default_factory=dict)
    externalDocs: A[ExternalDocumentation | None, 35] = None
    example: A[Any | None, 36] = None
    nullable: A[bool, 37] = False
    x_kubernetes_preserve_unknown_fields: A[bool | None, 38] = field(default=None, name="x-kubernetes-preserve-unknown-fields")
    x_kubernetes_embedded_resource: A[bool, 39] = field(default=False, name="x-kubernetes-embedded-resource")
    x_kubernetes_int_or_string: A[bool, 40] = field(default=False, name="x-kubernetes-int-or-string")
    x_kubernetes_list_map_keys: A[list[str], 41, ATOMIC] = field(default_factory=list, name="x-kubernetes-list-map-keys")
    x_kubernetes_list_type: A[str | None, 42] = field(default=None, name="x-kubernetes-list-type")
    x_kubernetes_map_type: A[str | None, 43] = field(default=None, name="x-kubernetes-map-type")
    x_kubernetes_validations: A[list[ValidationRule], 44, ListMap("rule"), Patch("merge", "rule")] = field(
        default_factory=list, name="x-kubernetes-validations"
    )


class CustomResourceValidation(ApiStruct):
    openAPIV3Schema: A[JSONSchemaProps | None, 1] = None


class CustomResourceSubresourceScale(ApiStruct):
    specReplicasPath: A[str, 1, REQUIRED] = field(default_factory=str)
    statusReplicasPath: A[str, 2, REQUIRED] = field(default_factory=str)
    labelSelectorPath: A[str | None, 3] = None


class CustomResourceSubresources(ApiStruct):
    status: A[dict[str, Any] | None, 1] = None
    scale: A[CustomResourceSubresourceScale | None, 2] = None


class CustomResourceDefinitionVersion(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    served: A[bool, 2, REQUIRED] = field(default_factory=bool)
    storage: A[bool, 3, REQUIRED] = field(default_factory=bool)
    deprecated: A[bool, 7] = False
    deprecationWarning: A[str | None, 8] = None
    schema: A[CustomResourceValidation | None, 4] = None
    subresources: A[CustomResourceSubresources | None, 5] = None
    additionalPrinterColumns: A[list[CustomResourceColumnDefinition], 6, ATOMIC] = field(default_factory=list)
    selectableFields: A[list[SelectableField], 9, ATOMIC] = field(default_factory=list)


class CustomResourceDefinitionSpec(ApiStruct):
    group: A[str, 1, REQUIRED] = field(default_factory=str)
    names: A[CustomResourceDefinitionNames, 3, REQUIRED] = field(default_factory=CustomResourceDefinitionNames)
    scope: A[str, 4, REQUIRED] = field(default_factory=str)
    versions: A[list[CustomResourceDefinitionVersion], 7, REQUIRED, ATOMIC] = field(default_factory=list)
    conversion: A[CustomResourceConversion | None, 9] = None
    preserveUnknownFields: A[bool, 10] = False


class CustomResourceDefinitionCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    lastTransitionTime: A[Time | None, 3] = field(default_factory=NoneType)
    reason: A[str, 4] = ""
    message: A[str, 5] = ""
    observedGeneration: A[Int64, 6] = 0


class CustomResourceDefinitionStatus(ApiStruct):
    conditions: A[list[CustomResourceDefinitionCondition] | None, 1, ListMap("type")] = field(default_factory=NoneType)
    acceptedNames: A[CustomResourceDefinitionNames, 2] = field(default_factory=CustomResourceDefinitionNames)
    storedVersions: A[list[str] | None, 3, ATOMIC] = field(default_factory=NoneType)
    observedGeneration: A[Int64, 4] = 0


class CustomResourceDefinition(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[CustomResourceDefinitionSpec, 2, REQUIRED] = field(default_factory=CustomResourceDefinitionSpec)
    status: A[CustomResourceDefinitionStatus, 3] = field(default_factory=CustomResourceDefinitionStatus)


class CustomResourceDefinitionList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[CustomResourceDefinition], 2, REQUIRED] = field(default_factory=list)
