// SPDX-License-Identifier: Apache-2.0
// Listen to all log messages from now on, with a queue that lives as long as this connection.

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
        channel.exchangeDeclare("logs", "fanout");

        // No name: the broker invents one.  Exclusive: nobody else's, and gone with us.
        String queue = channel.queueDeclare().getQueue();
        channel.queueBind(queue, "logs", "");
        channel.basicConsume(queue, true, (tag, delivery) -> {
            System.out.println("received: " + new String(delivery.getBody(), "UTF-8"));
            left.countDown();
        }, tag -> { });
        System.out.println("waiting for logs");
        left.await();
        connection.close();
    }
}
