<?php
// SPDX-License-Identifier: Apache-2.0
// Send a log message under a key such as "kern.critical": emit_log.php KEY TEXT…
require __DIR__ . '/../connect.php';

$connection = connect();
$channel = $connection->channel();
$channel->exchange_declare('topic_logs', 'topic', auto_delete: false);
$key = $argv[1] ?? 'anonymous.info';
$text = implode(' ', array_slice($argv, 2)) ?: 'nothing to see here';
$channel->basic_publish(new PhpAmqpLib\Message\AMQPMessage($text), 'topic_logs', $key);
echo "sent: $key: $text\n";
$connection->close();
