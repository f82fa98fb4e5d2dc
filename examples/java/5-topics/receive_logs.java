// SPDX-License-Identifier: Apache-2.0
// Listen by pattern: receive_logs PATTERN...  In a pattern * is one word and # any number of words.

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.util.concurrent.CountDownLatch;

public class receive_logs {
    public static void main(String[] arguments) throws Exception {
        String count = System.getenv("COUNT");
        CountDownLatch left = new CountDownLatch(count == null ? Integer.MAX_VALUE : Integer.parseInt(count));
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(System.getenv("AMQP_URL"));
        Connection connection = factory.newConnection();
        Channel channel = connection.createChannel();
        channel.exchangeDeclare("topic_logs", "topic");
        String queue = channel.queueDeclare().getQueue();
        for (String pattern : arguments) {
            channel.queueBind(queue, "topic_logs", pattern);
        }
        channel.basicConsume(queue, true, (tag, delivery) -> {
            String text = new String(delivery.getBody(), "UTF-8");
            System.out.println("received: " + delivery.getEnvelope().getRoutingKey() + ": " + text);
            left.countDown();
        }, tag -> { });
        System.out.println("waiting for logs");
        left.await();
        connection.close();
    }
}
