# session/amqp_deadline.c
# The first silent interval is one too many.
s/^#define SILENT_LOOKS_MAX 2$/#define SILENT_LOOKS_MAX 1/
