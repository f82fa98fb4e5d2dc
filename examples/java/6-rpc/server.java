// SPDX-License-Identifier: Apache-2.0
// Answer questions about Fibonacci numbers: the answer goes where the question says, with its number on it.

import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.util.concurrent.CountDownLatch;

public class server {
    static long fibonacci(int n) {
        long one = 0, two = 1;
        for (; n > 0; n--) {
            long sum = one + two;
            one = two;
            two = sum;
        }
        return one;
    }

    public static void main(String[] arguments) throws Exception {
        String count = System.getenv("COUNT");
        CountDownLatch left = new CountDownLatch(count == null ? Integer.MAX_VALUE : Integer.parseInt(count));
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(System.getenv("AMQP_URL"));
        Connection connection = factory.newConnection();
        Channel channel = connection.createChannel();
        channel.queueDeclare("rpc", false, false, false, null);
        channel.basicQos(1);
        channel.basicConsume("rpc", false, (tag, question) -> {
            int n = Integer.parseInt(new String(question.getBody(), "UTF-8"));
            System.out.println("asked: fibonacci(" + n + ")");
            BasicProperties number = new BasicProperties.Builder()
                .correlationId(question.getProperties().getCorrelationId()).build();
            String answer = Long.toString(fibonacci(n));
            channel.basicPublish("", question.getProperties().getReplyTo(), number, answer.getBytes("UTF-8"));
            channel.basicAck(question.getEnvelope().getDeliveryTag(), false);
            left.countDown();
        }, tag -> { });
        System.out.println("waiting for questions");
        left.await();
        connection.close();
    }
}
