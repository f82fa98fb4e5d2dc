<?php
// SPDX-License-Identifier: Apache-2.0
// Work on tasks, one at a time; start as many workers as you like and they share the queue.
require __DIR__ . '/../connect.php';

$left = (int) getenv('COUNT');
$connection = connect();
$channel = $connection->channel();
$channel->queue_declare('tasks', durable: true, auto_delete: false);
$channel->basic_qos(0, 1, false); // no second task before the first is acknowledged: who is quick gets more
$channel->basic_consume('tasks', callback: function ($task) use (&$left, $channel) {
    echo "working: $task->body\n";
    usleep(substr_count($task->body, '.') * 100000);
    echo "done: $task->body\n";
    // Only now is the task off the books; had we died before, another worker would get it.
    $task->ack();
    if (--$left === 0) {
        $channel->stopConsume();
    }
});
echo "waiting for tasks\n";
$channel->consume();
$connection->close();
