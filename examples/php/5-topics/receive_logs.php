<?php
// SPDX-License-Identifier: Apache-2.0
// Listen by pattern: receive_logs.php PATTERN…  In a pattern * is one word and # any number of words.
require __DIR__ . '/../connect.php';

$left = (int) getenv('COUNT');
$connection = connect();
$channel = $connection->channel();
$channel->exchange_declare('topic_logs', 'topic', auto_delete: false);
[$queue] = $channel->queue_declare('', exclusive: true);
foreach (array_slice($argv, 1) ?: ['#'] as $pattern) {
    $channel->queue_bind($queue, 'topic_logs', $pattern);
}
$channel->basic_consume($queue, no_ack: true, callback: function ($message) use (&$left, $channel) {
    echo "received: {$message->getRoutingKey()}: $message->body\n";
    if (--$left === 0) {
        $channel->stopConsume();
    }
});
echo "waiting for logs\n";
$channel->consume();
$connection->close();
