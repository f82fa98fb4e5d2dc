# broker/binding.c
# A binding that went stays on the disk.
s/^    if (binding->durable)$/    if (false \&\& binding->durable)/
