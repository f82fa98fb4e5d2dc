// SPDX-License-Identifier: Apache-2.0
// Tell everyone who listens: a fanout exchange copies the message into every queue bound to it.

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;

public class emit_log {
    public static void main(String[] arguments) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(System.getenv("AMQP_URL"));
        Connection connection = factory.newConnection();
        Channel channel = connection.createChannel();
        channel.exchangeDeclare("logs", "fanout");
        String text = arguments.length > 0 ? String.join(" ", arguments) : "info: the sun is down, come out";
        channel.basicPublish("logs", "", null, text.getBytes("UTF-8"));
        System.out.println("sent: " + text);
        connection.close();
    }
}
