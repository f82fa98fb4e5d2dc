// SPDX-License-Identifier: Apache-2.0
// RabbitMQ's Java client against the broker at AMQP_URL; scenario.py says what is asked for and
// restarts the broker. A line for each check: "ok NAME", "not ok NAME: why" or "skip NAME".

import com.rabbitmq.client.*;
import com.rabbitmq.client.impl.LongStringHelper;
import java.io.*;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.*;

public class Scenario {
    static final int PATIENCE = 60; // seconds
    static final String PREFIX = "java-" + UUID.randomUUID().toString().substring(0, 8) + "-";
    static Connection connection;
    static Channel channel;

    interface Check {
        void run() throws Exception;
    }

    static String env(String name) {
        String value = System.getenv(name);
        return value == null ? "" : value;
    }

    static void check(String name, boolean possible, Check check) throws Exception {
        if (!possible) {
            System.out.println("skip " + name);
            return;
        }
        try {
            channel = connection.createChannel();
            check.run();
            System.out.println("ok " + name);
        } catch (Throwable error) {
            System.out.println("not ok " + name + ": " + error);
            error.printStackTrace();
        } finally {
            if (channel.isOpen()) {
                channel.close();
            }
        }
    }

    static void same(Object got, Object wanted) {
        if (!Objects.equals(got, wanted)) {
            throw new AssertionError("got " + got + ", wanted " + wanted);
        }
    }

    static <T> T wait(BlockingQueue<T> queue) throws Exception {
        T value = queue.poll(PATIENCE, TimeUnit.SECONDS);
        if (value == null) {
            throw new AssertionError("nothing came");
        }
        return value;
    }

    static ConnectionFactory factory(String url) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(url);
        factory.setAutomaticRecoveryEnabled(false);
        return factory;
    }

    static String exclusive(Map<String, Object> arguments) throws Exception {
        return channel.queueDeclare("", false, true, false, arguments).getQueue();
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static class Collector extends DefaultConsumer {
        final BlockingQueue<Delivery> deliveries = new LinkedBlockingQueue<>();
        final BlockingQueue<String> cancelled = new LinkedBlockingQueue<>();

        Collector() {
            super(channel);
        }

        @Override
        public void handleDelivery(String tag, Envelope envelope, AMQP.BasicProperties properties, byte[] body) {
            deliveries.add(new Delivery(envelope, properties, body));
        }

        @Override
        public void handleCancel(String tag) {
            cancelled.add(tag);
        }

        String next() throws Exception {
            return new String(Scenario.wait(deliveries).getBody(), StandardCharsets.UTF_8);
        }
    }

    // ---- the checks

    static void topology() throws Exception {
        String spill = PREFIX + "spill";
        channel.exchangeDeclare(spill, BuiltinExchangeType.FANOUT, false, true, null);
        String spilled = exclusive(null);
        channel.queueBind(spilled, spill, "");
        String[][] routes = {{"direct", "red", "red"}, {"topic", "*.red.#", "x.red.y.z"}, {"fanout", "", "any"},
            {"headers", "", ""}};
        for (String[] route : routes) {
            String exchange = PREFIX + route[0];
            channel.exchangeDeclare(exchange, route[0], false, true, Map.of("alternate-exchange", spill));
            String queue = exclusive(Map.of("x-max-length", 5, "x-message-ttl", 60000L, "x-max-priority", (byte) 5));
            channel.queueBind(queue, exchange, route[1], Map.of("x-match", "any", "colour", "red", "n", 1));
            AMQP.BasicProperties red = new AMQP.BasicProperties.Builder().headers(Map.of("n", 1L)).build();
            channel.basicPublish(exchange, route[2], red, bytes(route[0]));
            same(new String(channel.basicGet(queue, true).getBody()), route[0]);
            if (!route[0].equals("fanout")) {
                channel.basicPublish(exchange, "blue", null, bytes("elsewhere"));
                same(new String(channel.basicGet(spilled, true).getBody()), "elsewhere");
            }
        }
        channel.exchangeBind(PREFIX + "fanout", PREFIX + "direct", "through");
        String last = exclusive(null);
        channel.queueBind(last, PREFIX + "fanout", "");
        channel.basicPublish(PREFIX + "direct", "through", null, bytes("two exchanges"));
        same(new String(channel.basicGet(last, true).getBody()), "two exchanges");
        for (String[] route : routes) {
            channel.exchangeDelete(PREFIX + route[0]);
        }
        String quorum = channel.queueDeclare(PREFIX + "quorum", true, false, false, Map.of("x-queue-type", "quorum",
            "x-delivery-limit", 3)).getQueue();
        same(channel.queueDelete(quorum).getMessageCount(), 0);
    }

    static void confirms() throws Exception {
        String queue = exclusive(null);
        channel.confirmSelect();
        for (int i = 0; i < 500; i++) {
            channel.basicPublish("", queue, MessageProperties.PERSISTENT_BASIC, bytes("m" + i));
        }
        channel.waitForConfirmsOrDie(PATIENCE * 1000L);
        same(channel.messageCount(queue), 500L);
        String full = exclusive(Map.of("x-max-length", 1, "x-overflow", "reject-publish"));
        channel.basicPublish("", full, null, bytes("1"));
        channel.basicPublish("", full, null, bytes("2"));
        same(channel.waitForConfirms(PATIENCE * 1000L), false);
    }

    static void returns() throws Exception {
        BlockingQueue<String> returned = new LinkedBlockingQueue<>();
        channel.addReturnListener((code, text, exchange, key, properties, body) ->
            returned.add(code + " " + text + " " + exchange + " " + key + " " + new String(body)));
        channel.basicPublish("amq.direct", PREFIX + "nobody", true, null, bytes("back"));
        same(wait(returned), "312 NO_ROUTE amq.direct " + PREFIX + "nobody back");
    }

    static Object readable(Object value) {
        if (value instanceof LongString) {
            return value.toString();
        } else if (value instanceof byte[]) {
            return Arrays.toString((byte[]) value);
        } else if (value instanceof List) {
            List<Object> list = new ArrayList<>();
            ((List<?>) value).forEach(one -> list.add(readable(one)));
            return list;
        } else if (value instanceof Map) {
            Map<String, Object> map = new TreeMap<>();
            ((Map<?, ?>) value).forEach((key, one) -> map.put((String) key, readable(one)));
            return map;
        }
        return value;
    }

    static void headers() throws Exception {
        Map<String, Object> headers = new HashMap<>();
        headers.put("string", "marsupial \u00e9\u4e16");
        headers.put("long string", LongStringHelper.asLongString("x".repeat(1000)));
        headers.put("byte", (byte) -5);
        headers.put("short", (short) -500);
        headers.put("int", Integer.MIN_VALUE);
        headers.put("long", Long.MAX_VALUE);
        headers.put("float", 1.5f);
        headers.put("double", -2.25e300);
        headers.put("decimal", new BigDecimal("123.45"));
        headers.put("boolean", true);
        headers.put("bytes", new byte[] {0, 1, (byte) 255});
        headers.put("timestamp", new Date(1700000000000L));
        headers.put("nothing", null);
        headers.put("list", Arrays.asList(1, "two", Arrays.asList(3L, null), Map.of("four", 4)));
        headers.put("table", Map.of("a", Map.of("b", Map.of("c", false))));
        AMQP.BasicProperties sent = new AMQP.BasicProperties.Builder().headers(headers).contentType("text/plain")
            .contentEncoding("utf-8").deliveryMode(2).priority(3).correlationId("c1").replyTo("r1").expiration("60000")
            .messageId("m1").timestamp(new Date(1700000001000L)).type("t1").userId("guest").appId("a1").build();
        String queue = exclusive(null);
        channel.basicPublish("", queue, sent, new byte[0]);
        AMQP.BasicProperties got = channel.basicGet(queue, true).getProps();
        same(readable(got.getHeaders()), readable(headers));
        same(got.toString().replaceAll("headers=\\{.*\\}, delivery", "delivery"),
            sent.toString().replaceAll("headers=\\{.*\\}, delivery", "delivery"));
    }

    static void prefetch() throws Exception {
        String dead = exclusive(null);
        String queue = exclusive(Map.of("x-dead-letter-exchange", "", "x-dead-letter-routing-key", dead));
        channel.basicQos(2);
        for (String body : List.of("a", "b", "c", "d")) {
            channel.basicPublish("", queue, null, bytes(body));
        }
        Collector collector = new Collector();
        String tag = channel.basicConsume(queue, false, Map.of("x-priority", 3), collector);
        Delivery a = wait(collector.deliveries);
        Delivery b = wait(collector.deliveries);
        same(channel.messageCount(queue), 2L);
        same(collector.deliveries.size(), 0);
        channel.basicNack(a.getEnvelope().getDeliveryTag(), false, true);
        Delivery again = wait(collector.deliveries);
        same(new String(again.getBody()) + again.getEnvelope().isRedeliver(), "atrue");
        channel.basicReject(b.getEnvelope().getDeliveryTag(), false);
        same(collector.next(), "c");
        channel.basicAck(again.getEnvelope().getDeliveryTag() + 1, true);
        same(collector.next(), "d");
        channel.basicCancel(tag);
        channel.basicRecover(true);
        GetResponse d = channel.basicGet(queue, true);
        same(new String(d.getBody()) + d.getEnvelope().isRedeliver(), "dtrue");
        Map<?, ?> death = (Map<?, ?>) ((List<?>) channel.basicGet(dead, true).getProps().getHeaders().get("x-death")).get(0);
        same(death.get("reason") + " " + death.get("queue") + " " + death.get("count"), "rejected " + queue + " 1");
    }

    static void rpc() throws Exception {
        String server = exclusive(null);
        channel.basicConsume(server, true, (tag, request) -> channel.basicPublish("", request.getProperties().getReplyTo(),
            new AMQP.BasicProperties.Builder().correlationId(request.getProperties().getCorrelationId()).build(),
            bytes("re: " + new String(request.getBody()))), tag -> { });
        Channel client = connection.createChannel();
        BlockingQueue<String> answers = new LinkedBlockingQueue<>();
        client.basicConsume("amq.rabbitmq.reply-to", true, (tag, answer) ->
            answers.add(answer.getProperties().getCorrelationId() + " " + new String(answer.getBody())), tag -> { });
        for (int i = 0; i < 20; i++) {
            client.basicPublish("", server, new AMQP.BasicProperties.Builder().replyTo("amq.rabbitmq.reply-to")
                .correlationId("c" + i).build(), bytes("question " + i));
        }
        for (int i = 0; i < 20; i++) {
            same(wait(answers), "c" + i + " re: question " + i);
        }
        client.close();
    }

    static void transactions() throws Exception {
        String queue = exclusive(null);
        channel.txSelect();
        channel.basicPublish("", queue, null, bytes("never"));
        channel.txRollback();
        channel.basicPublish("", queue, null, bytes("one"));
        same(channel.messageCount(queue), 0L);
        channel.txCommit();
        GetResponse one = channel.basicGet(queue, false);
        same(new String(one.getBody()), "one");
        channel.basicAck(one.getEnvelope().getDeliveryTag(), false);
        channel.txRollback();
        channel.basicAck(one.getEnvelope().getDeliveryTag(), false);
        channel.txCommit();
        same(channel.messageCount(queue), 0L);
    }

    static void cancelled() throws Exception {
        String queue = exclusive(null);
        Collector collector = new Collector();
        String tag = channel.basicConsume(queue, collector);
        channel.queueDelete(queue);
        same(wait(collector.cancelled), tag);
        same(channel.isOpen(), true);
    }

    static String refusal(Check check) throws Exception {
        channel = connection.createChannel();
        try {
            check.run();
        } catch (IOException | ShutdownSignalException error) {
            AMQP.Channel.Close close = (AMQP.Channel.Close) channel.getCloseReason().getReason();
            return close.getReplyCode() + " " + close.getReplyText();
        }
        return "not refused";
    }

    static void errors() throws Exception {
        channel.close();
        String queue = PREFIX + "other";
        same(refusal(() -> channel.queueDeclarePassive(queue)), "404 NOT_FOUND - no queue '" + queue + "' in vhost '/'");
        same(refusal(() -> channel.exchangeDeclare("amq.mine", "direct")),
            "403 ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'");
        connection.createChannel().queueDeclare(queue, false, false, true, null);
        same(refusal(() -> channel.queueDeclare(queue, true, false, true, null)),
            "406 PRECONDITION_FAILED - inequivalent arg 'durable' for queue '" + queue
            + "' in vhost '/': received 'true' but current is 'false'");
        same(refusal(() -> channel.queueDeclare("", false, false, true, Map.of("x-message-ttl", -1))).substring(0, 62),
            "406 PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queu");
        try (Connection other = factory(env("AMQP_URL")).newConnection()) {
            other.createChannel().queueDeclare(PREFIX + "mine", false, true, false, null);
            same(refusal(() -> channel.queueDeclarePassive(PREFIX + "mine")),
                "405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '" + PREFIX + "mine' in vhost '/'. It "
                + "could be originally declared on another connection or the exclusive property value does not match that "
                + "of the original declaration.");
        }
        same(refusal(() -> {
            channel.basicAck(99, false);
            channel.queueDeclarePassive(queue);
        }), "406 PRECONDITION_FAILED - unknown delivery tag 99");
        refusal(() -> channel.queueDelete(queue));
        channel.close();
        channel = connection.createChannel();
    }

    static void bodies() throws Exception {
        ConnectionFactory small = factory(env("AMQP_URL"));
        small.setRequestedFrameMax(4096);
        try (Connection other = small.newConnection()) {
            same(other.getFrameMax(), 4096);
            Channel channel = other.createChannel();
            String queue = channel.queueDeclare().getQueue();
            for (int size : new int[] {0, 1, 4087, 4088, 4089, 3000000}) {
                byte[] body = new byte[size];
                new Random(size).nextBytes(body);
                channel.basicPublish("", queue, null, body);
                same(Arrays.equals(channel.basicGet(queue, true).getBody(), body), true);
            }
        }
    }

    static void heartbeats() throws Exception {
        ConnectionFactory beating = factory(env("AMQP_URL"));
        beating.setRequestedHeartbeat(4);
        try (Connection other = beating.newConnection()) {
            same(other.getHeartbeat(), 4);
            Thread.sleep(9000);
            same(other.createChannel().queueDeclare().getMessageCount(), 0);
        }
    }

    static void tls() throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream file = new FileInputStream(env("CA_FILE"))) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        for (String version : List.of("TLSv1.2", "TLSv1.3")) {
            SSLContext context = SSLContext.getInstance(version);
            context.init(null, trust.getTrustManagers(), null);
            ConnectionFactory factory = factory(env("AMQPS_URL"));
            factory.useSslProtocol(context);
            try (Connection other = factory.newConnection()) {
                Channel channel = other.createChannel();
                String queue = channel.queueDeclare().getQueue();
                channel.basicPublish("", queue, null, new byte[500000]);
                same(channel.basicGet(queue, true).getBody().length, 500000);
            }
        }
    }

    static void blocked() throws Exception {
        BlockingQueue<String> reasons = new LinkedBlockingQueue<>();
        Connection other = factory(env("BLOCKED_URL")).newConnection();
        other.addBlockedListener(new BlockedListener() {
            @Override
            public void handleBlocked(String reason) {
                reasons.add(reason);
            }

            @Override
            public void handleUnblocked() {
                reasons.add("unblocked");
            }
        });
        other.createChannel().basicPublish("", PREFIX + "nobody", null, bytes("x"));
        same(wait(reasons), "low on disk");
        other.abort(1000);
    }

    static void recovery() throws Exception {
        ConnectionFactory lasting = factory(env("AMQP_URL"));
        lasting.setAutomaticRecoveryEnabled(true);
        lasting.setNetworkRecoveryInterval(200);
        Connection other = lasting.newConnection();
        channel = other.createChannel();
        BlockingQueue<String> recovered = new LinkedBlockingQueue<>();
        ((Recoverable) other).addRecoveryListener(new RecoveryListener() {
            @Override
            public void handleRecovery(Recoverable recoverable) {
                recovered.add("recovered");
            }

            @Override
            public void handleRecoveryStarted(Recoverable recoverable) { }
        });
        String durable = channel.queueDeclare(PREFIX + "durable", true, false, false, null).getQueue();
        channel.exchangeDeclare(PREFIX + "gone", "topic", false, true, null);
        String named = exclusive(null);
        channel.queueBind(named, PREFIX + "gone", "#");
        channel.confirmSelect();
        channel.basicPublish("", durable, MessageProperties.PERSISTENT_BASIC, bytes("kept"));
        channel.waitForConfirmsOrDie(PATIENCE * 1000L);
        Collector collector = new Collector();
        channel.basicConsume(named, true, collector);
        System.out.println("restart");
        System.in.read();
        same(wait(recovered), "recovered");
        same(new String(channel.basicGet(durable, true).getBody()), "kept");
        channel.basicPublish(PREFIX + "gone", "a.b", null, bytes("all is there again"));
        same(collector.next(), "all is there again");
        channel.queueDelete(durable);
        other.close();
    }

    public static void main(String[] arguments) throws Exception {
        connection = factory(env("AMQP_URL")).newConnection("scenario");
        check("topology", true, Scenario::topology);
        check("confirms", true, Scenario::confirms);
        check("returns", true, Scenario::returns);
        check("headers", true, Scenario::headers);
        check("prefetch", true, Scenario::prefetch);
        check("rpc", true, Scenario::rpc);
        check("transactions", true, Scenario::transactions);
        check("cancelled", true, Scenario::cancelled);
        check("errors", true, Scenario::errors);
        check("bodies", true, Scenario::bodies);
        check("heartbeats", true, Scenario::heartbeats);
        check("tls", !env("AMQPS_URL").isEmpty(), Scenario::tls);
        check("blocked", !env("BLOCKED_URL").isEmpty(), Scenario::blocked);
        check("recovery", !env("CAN_RESTART").isEmpty(), Scenario::recovery);
        if (connection.isOpen()) {
            connection.close();
        }
        System.out.println("done");
        System.exit(0);
    }
}
