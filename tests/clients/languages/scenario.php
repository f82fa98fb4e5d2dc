<?php
// SPDX-License-Identifier: Apache-2.0
// php-amqplib against the broker at AMQP_URL; scenario.py says what is asked for and restarts the
// broker. A line for each check: "ok NAME", "not ok NAME: why" or "skip NAME".

require_once 'PhpAmqpLib/autoload.php';

use PhpAmqpLib\Connection\AMQPSSLConnection;
use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Exception\AMQPBasicCancelException;
use PhpAmqpLib\Exception\AMQPProtocolChannelException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPAbstractCollection as Type;
use PhpAmqpLib\Wire\AMQPArray;
use PhpAmqpLib\Wire\AMQPDecimal;
use PhpAmqpLib\Wire\AMQPTable;

error_reporting(E_ALL & ~E_DEPRECATED);
const PATIENCE = 60;
$prefix = 'php-' . bin2hex(random_bytes(4)) . '-';

function same($got, $wanted): void
{
    if ($got !== $wanted) {
        throw new Exception('got ' . var_export($got, true) . ', wanted ' . var_export($wanted, true));
    }
}

function check(string $name, bool $possible, callable $run): void
{
    global $connection;
    if (!$possible) {
        echo "skip $name\n";
        return;
    }
    $channel = $connection->channel();
    try {
        $run($channel);
        echo "ok $name\n";
    } catch (Throwable $error) {
        echo "not ok $name: $error\n";
    }
    if ($channel->is_open() && $name !== 'recovery') {
        $channel->close();
    }
}

function connect(string $url, array $options = [])
{
    $at = parse_url($url);
    return new AMQPStreamConnection($at['host'], $at['port'], $at['user'], $at['pass'], '/', ...$options);
}

function exclusive($channel, array $arguments = []): string
{
    return $channel->queue_declare(exclusive: true, auto_delete: false, arguments: new AMQPTable($arguments))[0];
}

function get($channel, string $queue): ?string
{
    $message = $channel->basic_get($queue, true);
    return $message ? $message->body : null;
}

function text(string $body, array $properties = []): AMQPMessage
{
    return new AMQPMessage($body, $properties);
}

function waitFor($channel, callable $done): void
{
    $end = microtime(true) + PATIENCE;
    while (!$done()) {
        $channel->wait(null, false, max(0.01, $end - microtime(true)));
    }
}

function topology($channel): void
{
    global $prefix;
    $spill = $prefix . 'spill';
    $channel->exchange_declare($spill, 'fanout');
    $spilled = exclusive($channel);
    $channel->queue_bind($spilled, $spill);
    $routes = ['direct' => ['red', 'red'], 'topic' => ['*.red.#', 'x.red.y.z'], 'fanout' => ['', 'any'],
        'headers' => ['', '']];
    foreach ($routes as $type => [$binding, $key]) {
        $alternate = new AMQPTable(['alternate-exchange' => $spill]);
        $channel->exchange_declare($prefix . $type, $type, arguments: $alternate);
        $queue = exclusive($channel, ['x-max-length' => 5, 'x-message-ttl' => 60000, 'x-max-priority' => 5]);
        $match = new AMQPTable(['x-match' => 'any', 'colour' => 'red', 'n' => 1]);
        $channel->queue_bind($queue, $prefix . $type, $binding, arguments: $match);
        $headers = ['application_headers' => new AMQPTable(['n' => 1])];
        $channel->basic_publish(text($type, $headers), $prefix . $type, $key);
        same(get($channel, $queue), $type);
        if ($type !== 'fanout') {
            $channel->basic_publish(text('elsewhere'), $prefix . $type, 'blue');
            same(get($channel, $spilled), 'elsewhere');
        }
    }
    $channel->exchange_bind($prefix . 'fanout', $prefix . 'direct', 'through');
    $last = exclusive($channel);
    $channel->queue_bind($last, $prefix . 'fanout');
    $channel->basic_publish(text('two exchanges'), $prefix . 'direct', 'through');
    same(get($channel, $last), 'two exchanges');
    foreach ($routes as $type => $route) {
        $channel->exchange_delete($prefix . $type);
    }
    $limits = new AMQPTable(['x-queue-type' => 'quorum', 'x-delivery-limit' => 3]);
    $channel->queue_declare($prefix . 'quorum', durable: true, auto_delete: false, arguments: $limits);
    same($channel->queue_delete($prefix . 'quorum'), 0);
}

function confirms($channel): void
{
    $acked = $nacked = 0;
    $channel->set_ack_handler(function () use (&$acked) { $acked++; });
    $channel->set_nack_handler(function () use (&$nacked) { $nacked++; });
    $channel->confirm_select();
    $queue = exclusive($channel);
    for ($i = 0; $i < 500; $i++) {
        $channel->basic_publish(text("m$i", ['delivery_mode' => 2]), '', $queue);
    }
    $channel->wait_for_pending_acks(PATIENCE);
    same([$acked, $nacked], [500, 0]);
    same($channel->queue_declare($queue, passive: true)[1], 500);
    $full = exclusive($channel, ['x-max-length' => 1, 'x-overflow' => 'reject-publish']);
    $channel->basic_publish(text('1'), '', $full);
    $channel->basic_publish(text('2'), '', $full);
    $channel->wait_for_pending_acks(PATIENCE);
    same([$acked, $nacked], [501, 1]);
}

function returns($channel): void
{
    global $prefix;
    $returned = null;
    $channel->set_return_listener(function ($code, $text, $exchange, $key, $message) use (&$returned) {
        $returned = "$code $text $exchange $key $message->body";
    });
    $channel->basic_publish(text('back'), 'amq.direct', $prefix . 'nobody', true);
    waitFor($channel, function () use (&$returned) { return $returned !== null; });
    same($returned, "312 NO_ROUTE amq.direct {$prefix}nobody back");
}

function headers($channel): void
{
    $table = new AMQPTable();
    $table->set('string', "marsupial \u{e9}\u{4e16}");
    $table->set('byte', -5, Type::T_INT_SHORTSHORT);
    $table->set('unsigned byte', 250, Type::T_INT_SHORTSHORT_U);
    $table->set('short', -500, Type::T_INT_SHORT);
    $table->set('unsigned short', 65000, Type::T_INT_SHORT_U);
    $table->set('int', -2147483648, Type::T_INT_LONG);
    $table->set('unsigned int', 4000000000, Type::T_INT_LONG_U);
    $table->set('long', PHP_INT_MAX, Type::T_INT_LONGLONG);
    $table->set('decimal', new AMQPDecimal(12345, 2));
    $table->set('timestamp', 1700000000, Type::T_TIMESTAMP);
    $table->set('bool', true);
    $table->set('void', null);
    $table->set('bytes', "\0\1\xff", Type::T_BYTES);
    $table->set('list', new AMQPArray([1, 'two', [3, null], ['four' => 4]]));
    $table->set('table', new AMQPTable(['a' => ['b' => ['c' => false]]]));
    $sent = ['content_type' => 'text/plain', 'content_encoding' => 'utf-8', 'delivery_mode' => 2, 'priority' => 3,
        'correlation_id' => 'c1', 'reply_to' => 'r1', 'expiration' => '60000', 'message_id' => 'm1',
        'timestamp' => 1700000001, 'type' => 't1', 'user_id' => 'guest', 'app_id' => 'a1', 'cluster_id' => 'k1'];
    $queue = exclusive($channel);
    $channel->basic_publish(text('', $sent + ['application_headers' => $table]), '', $queue);
    $got = $channel->basic_get($queue, true)->get_properties();
    $plain = function ($value) { return var_export($value, true); };
    same($plain($got['application_headers']->getNativeData()), $plain($table->getNativeData()));
    unset($got['application_headers']);
    same($got, $sent);
}

function prefetch($channel): void
{
    $dead = exclusive($channel);
    $queue = exclusive($channel, ['x-dead-letter-exchange' => '', 'x-dead-letter-routing-key' => $dead]);
    $channel->basic_qos(0, 2, false);
    foreach (['a', 'b', 'c', 'd'] as $body) {
        $channel->basic_publish(text($body), '', $queue);
    }
    $got = [];
    $tag = $channel->basic_consume($queue, callback: function ($message) use (&$got) { $got[] = $message; },
        arguments: new AMQPTable(['x-priority' => 3]));
    $have = function (int $count) use (&$got, $channel) {
        waitFor($channel, function () use (&$got, $count) { return count($got) >= $count; });
        same(count($got), $count);
        return $got[$count - 1];
    };
    $have(2);
    same($channel->queue_declare($queue, passive: true)[1], 2);
    $got[0]->nack(true);
    $again = $have(3);
    same([$again->body, $again->isRedelivered()], ['a', true]);
    $got[1]->reject(false);
    $c = $have(4);
    same($c->body, 'c');
    $c->ack(true);
    same($have(5)->body, 'd');
    $channel->basic_cancel($tag);
    $channel->basic_recover(true);
    $d = $channel->basic_get($queue, true);
    same([$d->body, $d->isRedelivered()], ['d', true]);
    $death = $channel->basic_get($dead, true)->get('application_headers')->getNativeData()['x-death'][0];
    same([$death['reason'], $death['queue'], $death['count']], ['rejected', $queue, 1]);
}

function rpc($channel): void
{
    $server = exclusive($channel);
    $channel->basic_consume($server, no_ack: true, callback: function ($request) use ($channel) {
        $correlation = ['correlation_id' => $request->get('correlation_id')];
        $channel->basic_publish(text("re: $request->body", $correlation), '', $request->get('reply_to'));
    });
    $answers = [];
    $channel->basic_consume('amq.rabbitmq.reply-to', no_ack: true, callback: function ($answer) use (&$answers) {
        $answers[] = $answer->get('correlation_id') . " $answer->body";
    });
    $wanted = [];
    for ($i = 0; $i < 20; $i++) {
        $question = ['reply_to' => 'amq.rabbitmq.reply-to', 'correlation_id' => "c$i"];
        $channel->basic_publish(text("question $i", $question), '', $server);
        $wanted[] = "c$i re: question $i";
    }
    waitFor($channel, function () use (&$answers) { return count($answers) === 20; });
    same($answers, $wanted);
}

function transactions($channel): void
{
    $queue = exclusive($channel);
    $count = function () use ($channel, $queue) { return $channel->queue_declare($queue, passive: true)[1]; };
    $channel->tx_select();
    $channel->basic_publish(text('never'), '', $queue);
    $channel->tx_rollback();
    $channel->basic_publish(text('one'), '', $queue);
    same($count(), 0);
    $channel->tx_commit();
    $one = $channel->basic_get($queue);
    same($one->body, 'one');
    $one->ack();
    $channel->tx_rollback();
    $channel->basic_ack($one->getDeliveryTag());
    $channel->tx_commit();
    same($count(), 0);
}

function cancelled($channel): void
{
    $queue = exclusive($channel);
    $tag = $channel->basic_consume($queue, callback: function () { });
    $channel->queue_delete($queue, nowait: true);
    try {
        $channel->wait(null, false, PATIENCE);
        throw new Exception('no notification');
    } catch (AMQPBasicCancelException $notice) {
        same($notice->consumerTag, $tag);
    }
}

function refusal(callable $run): string
{
    global $connection;
    $channel = $connection->channel();
    try {
        $run($channel);
    } catch (AMQPProtocolChannelException $error) {
        return $error->getMessage();
    }
    return 'not refused';
}

function errors($channel): void
{
    global $prefix;
    $queue = $prefix . 'other';
    same(refusal(function ($channel) use ($queue) { $channel->queue_declare($queue, passive: true); }),
        "NOT_FOUND - no queue '$queue' in vhost '/'");
    same(refusal(function ($channel) { $channel->exchange_declare('amq.mine', 'direct'); }),
        "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'");
    $channel->queue_declare($queue);
    same(refusal(function ($channel) use ($queue) { $channel->queue_declare($queue, durable: true); }),
        "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '$queue' in vhost '/': received 'true' but current is 'false'");
    $other = connect(getenv('AMQP_URL'));
    $other->channel()->queue_declare($prefix . 'mine', exclusive: true);
    same(strtok(refusal(function ($channel) use ($prefix) { $channel->basic_get($prefix . 'mine'); }), '.'),
        "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{$prefix}mine' in vhost '/'");
    $other->close();
    same(refusal(function ($channel) { $channel->basic_ack(99); $channel->wait(null, false, PATIENCE); }),
        'PRECONDITION_FAILED - unknown delivery tag 99');
    $channel->queue_delete($queue);
}

function bodies($channel): void
{
    $queue = exclusive($channel);
    $once = 131072 - 8;
    foreach ([0, 1, $once - 1, $once, $once + 1, 3000000] as $size) {
        $body = $size ? random_bytes($size) : '';
        $channel->basic_publish(text($body), '', $queue);
        same(get($channel, $queue) === $body, true);
    }
}

function heartbeats($channel): void
{
    $other = connect(getenv('AMQP_URL'), ['read_write_timeout' => 130, 'heartbeat' => 4]);
    for ($i = 0; $i < 22; $i++) {
        usleep(400000);
        $other->checkHeartBeat();
    }
    same($other->channel()->queue_declare()[1], 0);
    $other->close();
}

function tls($channel): void
{
    $at = parse_url(getenv('AMQPS_URL'));
    foreach ([STREAM_CRYPTO_METHOD_TLSv1_2_CLIENT, STREAM_CRYPTO_METHOD_TLSv1_3_CLIENT] as $method) {
        $other = new AMQPSSLConnection($at['host'], $at['port'], $at['user'], $at['pass'], '/',
            ['cafile' => getenv('CA_FILE'), 'verify_peer' => true, 'crypto_method' => $method]);
        $channel = $other->channel();
        $queue = exclusive($channel);
        $channel->basic_publish(text(str_repeat('x', 500000)), '', $queue);
        same(strlen(get($channel, $queue)), 500000);
        $other->close();
    }
}

function blocked($channel): void
{
    $reason = null;
    $other = connect(getenv('BLOCKED_URL'));
    $other->set_close_on_destruct(false); // nobody would read it
    $other->set_connection_block_handler(function ($why) use (&$reason) { $reason = $why; });
    $other->channel()->basic_publish(text('x'), '', 'nobody');
    $end = time() + PATIENCE;
    while ($reason === null && time() < $end) {
        $other->wait(null, false, PATIENCE);
    }
    same($reason, 'low on disk');
}

// It doesn't recover by itself: what an application does, reconnect() until it works.
function recovery($channel): void
{
    global $prefix;
    $other = connect(getenv('AMQP_URL'));
    $channel = $other->channel();
    $channel->queue_declare($prefix . 'durable', durable: true, auto_delete: false);
    $channel->confirm_select();
    $channel->basic_publish(text('kept', ['delivery_mode' => 2]), '', $prefix . 'durable');
    $channel->wait_for_pending_acks(PATIENCE);
    echo "restart\n";
    fgets(STDIN);
    for ($end = time() + PATIENCE; ; usleep(100000)) {
        try {
            $other->reconnect();
            break;
        } catch (Exception $error) {
            if (time() > $end) {
                throw $error;
            }
        }
    }
    $channel = $other->channel();
    same(get($channel, $prefix . 'durable'), 'kept');
    $channel->queue_delete($prefix . 'durable');
    $other->close();
}

$connection = connect(getenv('AMQP_URL'));
foreach (['topology', 'confirms', 'returns', 'headers', 'prefetch', 'rpc', 'transactions', 'cancelled', 'errors',
    'bodies', 'heartbeats'] as $name) {
    check($name, true, $name);
}
check('tls', (bool) getenv('AMQPS_URL'), 'tls');
check('blocked', (bool) getenv('BLOCKED_URL'), 'blocked');
$connection->set_close_on_destruct(false);
check('recovery', (bool) getenv('CAN_RESTART'), 'recovery');
