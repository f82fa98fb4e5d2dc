<?php
// SPDX-License-Identifier: Apache-2.0
// Queue a task for each argument.  The task is a text; every dot in it is a tenth of a second of work.
require __DIR__ . '/../connect.php';

use PhpAmqpLib\Message\AMQPMessage;

$connection = connect();
$channel = $connection->channel();

// A durable queue and persistent messages: the work survives a restart of the broker.
$channel->queue_declare('tasks', durable: true, auto_delete: false);
foreach (array_slice($argv, 1) ?: ['dig a burrow...'] as $task) {
    $message = new AMQPMessage($task, ['delivery_mode' => AMQPMessage::DELIVERY_MODE_PERSISTENT]);
    $channel->basic_publish($message, '', 'tasks');
    echo "queued: $task\n";
}
$connection->close();
