"""Gateway (OTLP receivers), Kafka topics and clients, the local broker, replay, simulator."""
