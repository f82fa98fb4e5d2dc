<?php
// SPDX-License-Identifier: Apache-2.0
// What the examples share: a connection to the broker at AMQP_URL.
require_once 'PhpAmqpLib/autoload.php';
error_reporting(E_ALL & ~E_DEPRECATED);

function connect(): PhpAmqpLib\Connection\AMQPStreamConnection
{
    $at = parse_url(getenv('AMQP_URL'));
    $vhost = rawurldecode(substr($at['path'] ?? '/', 1)) ?: '/';
    $port = $at['port'] ?? 5672;
    return new PhpAmqpLib\Connection\AMQPStreamConnection($at['host'], $port, $at['user'], $at['pass'], $vhost);
}
