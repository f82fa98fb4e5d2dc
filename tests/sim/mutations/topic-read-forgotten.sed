# broker/binding.c
# Topic permissions do not concern bindings.
s/^    if (source->route.type != &topic_exchange_type)$/    if (source)/
