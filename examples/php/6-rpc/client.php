<?php
// SPDX-License-Identifier: Apache-2.0
// Ask the server, wait for the answer: client.php N…  Several questions are under way at once.
require __DIR__ . '/../connect.php';

$questions = $answers = [];
$connection = connect();
$channel = $connection->channel();
[$replies] = $channel->queue_declare('', exclusive: true);
$channel->basic_consume($replies, no_ack: true, callback: function ($answer) use (&$questions, &$answers, $channel) {
    // An answer to a question that we didn't ask is none of our business.
    if (isset($questions[$answer->get('correlation_id')])) {
        $answers[$answer->get('correlation_id')] = $answer->body;
    }
    if (count($answers) === count($questions)) {
        $channel->stopConsume();
    }
});
foreach (array_slice($argv, 1) ?: ['30'] as $n) {
    $number = bin2hex(random_bytes(8));
    $questions[$number] = $n;
    $properties = ['reply_to' => $replies, 'correlation_id' => $number];
    $channel->basic_publish(new PhpAmqpLib\Message\AMQPMessage($n, $properties), '', 'rpc');
}
$channel->consume();
foreach ($questions as $number => $n) {
    echo "fibonacci($n) = $answers[$number]\n";
}
$connection->close();
