// SPDX-License-Identifier: Apache-2.0
// Ask the server, wait for the answer: client N...  Several questions are under way at once.

import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;

public class client {
    public static void main(String[] arguments) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(System.getenv("AMQP_URL"));
        Connection connection = factory.newConnection();
        Channel channel = connection.createChannel();
        CountDownLatch left = new CountDownLatch(arguments.length);
        Map<String, String> answers = new ConcurrentHashMap<>();
        String replies = channel.queueDeclare().getQueue();
        channel.basicConsume(replies, true, (tag, answer) -> {
            answers.put(answer.getProperties().getCorrelationId(), new String(answer.getBody(), "UTF-8"));
            left.countDown();
        }, tag -> { });
        for (int i = 0; i < arguments.length; i++) {
            BasicProperties question = new BasicProperties.Builder()
                .replyTo(replies).correlationId("question " + i).build();
            channel.basicPublish("", "rpc", question, arguments[i].getBytes("UTF-8"));
        }
        left.await();
        for (int i = 0; i < arguments.length; i++) {
            System.out.println("fibonacci(" + arguments[i] + ") = " + answers.get("question " + i));
        }
        connection.close();
    }
}
