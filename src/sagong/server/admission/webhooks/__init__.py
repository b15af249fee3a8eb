"""MutatingAdmissionWebhook and ValidatingAdmissionWebhook: others have a say on writes, over HTTPS."""
