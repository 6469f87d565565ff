"""Traces and metrics of the server, by OpenTelemetry."""
