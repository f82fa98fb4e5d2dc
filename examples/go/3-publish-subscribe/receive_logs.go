// SPDX-License-Identifier: Apache-2.0

// Listen to all log messages from now on, with a queue that lives as long as this connection.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"
)

func main() {
	left, _ := strconv.Atoi(os.Getenv("COUNT"))
	connection, err := amqp.Dial(os.Getenv("AMQP_URL"))
	must(err)
	channel, err := connection.Channel()
	must(err)
	must(channel.ExchangeDeclare("logs", "fanout", false, false, false, false, nil))

	// No name: the broker invents one.  Exclusive: nobody else's, and gone with us.
	queue, err := channel.QueueDeclare("", false, false, true, false, nil)
	must(err)
	must(channel.QueueBind(queue.Name, "", "logs", false, nil))
	messages, err := channel.Consume(queue.Name, "", true, false, false, false, nil)
	must(err)
	fmt.Println("waiting for logs")
	for message := range messages {
		fmt.Printf("received: %s\n", message.Body)
		if left--; left == 0 {
			break
		}
	}
	must(connection.Close())
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
