# broker/consumer.c
# All consumers of a single-active queue are served.
s/queue->settings.single_active_consumer \&\& queue->single_active != consumer/false \&\& queue->single_active != consumer/
