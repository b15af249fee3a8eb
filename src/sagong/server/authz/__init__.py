"""Authorization: may this user do this? Superusers, then the Node authorizer, then RBAC."""
