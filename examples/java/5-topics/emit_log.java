// SPDX-License-Identifier: Apache-2.0
// Send a log message under a key such as "kern.critical": emit_log KEY TEXT

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.util.Arrays;

public class emit_log {
    public static void main(String[] arguments) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(System.getenv("AMQP_URL"));
        Connection connection = factory.newConnection();
        Channel channel = connection.createChannel();
        channel.exchangeDeclare("topic_logs", "topic");
        String key = arguments.length > 0 ? arguments[0] : "anonymous.info";
        String text = arguments.length > 1
            ? String.join(" ", Arrays.asList(arguments).subList(1, arguments.length)) : "nothing to see here";
        channel.basicPublish("topic_logs", key, null, text.getBytes("UTF-8"));
        System.out.println("sent: " + key + ": " + text);
        connection.close();
    }
}
