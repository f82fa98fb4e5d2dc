// SPDX-License-Identifier: Apache-2.0
// Work on tasks, one at a time; start as many workers as you like and they share the queue.

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.util.concurrent.CountDownLatch;

public class worker {
    public static void main(String[] arguments) throws Exception {
        String count = System.getenv("COUNT");
        CountDownLatch left = new CountDownLatch(count == null ? Integer.MAX_VALUE : Integer.parseInt(count));
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(System.getenv("AMQP_URL"));
        Connection connection = factory.newConnection();
        Channel channel = connection.createChannel();
        channel.queueDeclare("tasks", true, false, false, null);

        // No second task before the first is acknowledged: who is quick gets more.
        channel.basicQos(1);
        channel.basicConsume("tasks", false, (tag, delivery) -> {
            String task = new String(delivery.getBody(), "UTF-8");
            System.out.println("working: " + task);
            try {
                Thread.sleep(task.chars().filter(letter -> letter == '.').count() * 100);
            } catch (InterruptedException interrupted) {
                return; // not acknowledged: another worker gets it
            }
            System.out.println("done: " + task);
            // Only now is the task off the books; had we died before, another worker would get it.
            channel.basicAck(delivery.getEnvelope().getDeliveryTag(), false);
            left.countDown();
        }, tag -> { });
        System.out.println("waiting for tasks");
        left.await();
        connection.close();
    }
}
