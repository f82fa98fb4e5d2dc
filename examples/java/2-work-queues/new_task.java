// SPDX-License-Identifier: Apache-2.0
// Queue a task for each argument.  The task is a text; every dot in it is a tenth of a second of work.

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.MessageProperties;

public class new_task {
    public static void main(String[] arguments) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(System.getenv("AMQP_URL"));
        Connection connection = factory.newConnection();
        Channel channel = connection.createChannel();

        // A durable queue and persistent messages: the work survives a restart of the broker.
        channel.queueDeclare("tasks", true, false, false, null);
        for (String task : arguments) {
            channel.basicPublish("", "tasks", MessageProperties.PERSISTENT_TEXT_PLAIN, task.getBytes("UTF-8"));
            System.out.println("queued: " + task);
        }
        connection.close();
    }
}
