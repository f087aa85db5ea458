"""What the GPUs of this machine do, by NVIDIA's management library, as OpenTelemetry's ``hw.gpu.*`` metrics."""
