"""MutatingAdmissionPolicy and ValidatingAdmissionPolicy: expressions have a say on writes, inside the server."""
