<?php
// SPDX-License-Identifier: Apache-2.0
// Answer questions about Fibonacci numbers: the answer goes where the question says, with its number on it.
require __DIR__ . '/../connect.php';

function fibonacci(int $n): int
{
    for ($one = 0, $two = 1; $n > 0; $n--) {
        [$one, $two] = [$two, $one + $two];
    }
    return $one;
}

$left = (int) getenv('COUNT');
$connection = connect();
$channel = $connection->channel();
$channel->queue_declare('rpc', auto_delete: false);
$channel->basic_qos(0, 1, false);
$channel->basic_consume('rpc', callback: function ($question) use (&$left, $channel) {
    echo "asked: fibonacci($question->body)\n";
    $number = ['correlation_id' => $question->get('correlation_id')];
    $answer = new PhpAmqpLib\Message\AMQPMessage((string) fibonacci((int) $question->body), $number);
    $channel->basic_publish($answer, '', $question->get('reply_to'));
    $question->ack();
    if (--$left === 0) {
        $channel->stopConsume();
    }
});
echo "waiting for questions\n";
$channel->consume();
$connection->close();
