"""The client side of the API: HTTP client, informers, work queue, plan and apply."""
