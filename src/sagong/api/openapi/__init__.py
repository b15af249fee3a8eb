"""OpenAPI of the API: what kubectl explain shows and what clients check their manifests with."""
