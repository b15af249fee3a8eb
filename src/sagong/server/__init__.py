"""The API server: the request pipeline in order."""
