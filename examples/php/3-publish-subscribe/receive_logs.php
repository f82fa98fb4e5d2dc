<?php
// SPDX-License-Identifier: Apache-2.0
// Listen to all log messages from now on, with a queue that lives as long as this connection.
require __DIR__ . '/../connect.php';

$left = (int) getenv('COUNT');
$connection = connect();
$channel = $connection->channel();
$channel->exchange_declare('logs', 'fanout', auto_delete: false);
// No name: the broker invents one.  Exclusive: nobody else's, and gone with us.
[$queue] = $channel->queue_declare('', exclusive: true);
$channel->queue_bind($queue, 'logs');
$channel->basic_consume($queue, no_ack: true, callback: function ($message) use (&$left, $channel) {
    echo "received: $message->body\n";
    if (--$left === 0) {
        $channel->stopConsume();
    }
});
echo "waiting for logs\n";
$channel->consume();
$connection->close();
