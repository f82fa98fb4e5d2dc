# broker/vhost.c
# Clients are answered before the node knows durably of their virtual host.
s/^    return known ? store_durable(vhost->db) : 0;$/    return known || true ? store_durable(vhost->db) : 0;/
