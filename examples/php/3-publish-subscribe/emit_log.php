<?php
// SPDX-License-Identifier: Apache-2.0
// Tell everyone who listens: a fanout exchange copies the message into every queue bound to it.
require __DIR__ . '/../connect.php';

$connection = connect();
$channel = $connection->channel();
$channel->exchange_declare('logs', 'fanout', auto_delete: false);
$text = implode(' ', array_slice($argv, 1)) ?: 'info: the sun is down, come out';
$channel->basic_publish(new PhpAmqpLib\Message\AMQPMessage($text), 'logs');
echo "sent: $text\n";
$connection->close();
