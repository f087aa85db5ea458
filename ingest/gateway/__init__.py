"""The gateway: receives OTLP over gRPC and HTTP, stamps the tenant, and answers once Kafka has the bytes."""
